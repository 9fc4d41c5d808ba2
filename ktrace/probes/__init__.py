"""Hooks in the running kernel, and the loaders that set them."""

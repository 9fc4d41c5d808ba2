"""A running kernel as a source of events."""

"""A kernel log as a source of events."""

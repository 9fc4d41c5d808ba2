"""A recorded trace through the detectors and views of a live run."""

"""The verbs of the command line: each wires a source, the detectors and a view."""

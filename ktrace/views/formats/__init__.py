"""Documents made of traces: `ktrace report --format`."""

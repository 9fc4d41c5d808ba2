"""Building ktrace-agent (bpf/agent/): the probes for a machine without Python."""

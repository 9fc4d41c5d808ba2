"""A board without Python as a source of events: what ktrace-agent (bpf/agent/) writes."""

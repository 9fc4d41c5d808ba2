"""Pure state machines from events to findings: no I/O, no clock."""

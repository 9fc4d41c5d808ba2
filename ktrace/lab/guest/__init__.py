"""A guest under QEMU: boot, control, memory, the tracer in it."""

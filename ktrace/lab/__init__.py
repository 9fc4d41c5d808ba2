"""A lab: kernel bugs on demand, in a QEMU guest, with the real ktrace watching them.

`run_scenario` in `ktrace.lab.runner` is the way in. Nothing here needs root: the guest is
root in itself, and the kernel package is unpacked, never installed.
"""

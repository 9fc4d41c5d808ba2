"""Facts about a kernel: types, symbols, task states, gfp flags."""

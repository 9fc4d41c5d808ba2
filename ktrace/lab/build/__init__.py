"""What a guest is built from: packages, kernels, modules, images."""

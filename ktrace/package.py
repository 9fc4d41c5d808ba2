"""Files that ktrace has beside its modules."""

import os

from ktrace.bpf_arch import bpf_arch


def packaged(*names: str) -> str:
    """The path of a file or folder of the package. Not by importlib.resources, which imports
    zipfile, tempfile and more."""
    return os.path.join(os.path.dirname(__file__), *names)


def bpf_object(name: str, arch: str = "") -> str:
    """The path of a BPF object, for kernels of this machine or of another architecture."""
    machine = os.uname().machine
    return packaged("bpf", arch or bpf_arch(machine) or machine, f"{name}.bpf.o")

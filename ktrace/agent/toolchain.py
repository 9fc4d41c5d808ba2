"""Compilers for the machines that an agent is for, and the static libraries that it needs.

Those for this machine's own architecture are installed packages; those for another one come from
Debian's archive into the lab's cache, and are not installed.
"""

import shutil
from pathlib import Path

from ktrace.bpf_arch import bpf_arch
from ktrace.errors import KtraceError
from ktrace.lab.arch import ARCHES, Arch
from ktrace.lab.build.packages import Apt, unpack
from ktrace.lab.cache import cache_dir, work_dir
from ktrace.record import record

_PACKAGES = ("libbpf-dev", "libelf-dev", "zlib1g-dev")


@record
class Toolchain:
    """For one architecture."""

    compiler: str
    flags: tuple[str, ...]
    bpf_arch: str  # the folder of the BPF objects


def toolchain(name: str) -> Toolchain:
    """name: Debian's, of the architecture. Raises KtraceError where something of it is not here."""
    arch = ARCHES[name]
    if shutil.which(arch.compiler) is None:
        package = arch.compiler if arch.is_own else _package(arch)
        raise KtraceError(f"there is no {arch.compiler}", hint=f"Debian: apt install {package}")
    objects = bpf_arch(arch.machine)
    assert objects is not None  # the lab has no other machines
    return Toolchain(arch.compiler, () if arch.is_own else _flags(arch), objects)


def _flags(arch: Arch) -> tuple[str, ...]:
    root = _libraries(arch) / "usr"
    # behind the compiler's own folders: the headers of libc there are for this compiler
    return (f"-idirafter{root / 'include'}", f"-L{root / 'lib' / _triplet(arch)}")


def _libraries(arch: Arch) -> Path:
    """Where the packages are unpacked, from the cache or else from Debian's archive."""
    cache = cache_dir()
    home = cache / "libraries" / arch.name
    if not home.is_dir():
        home.parent.mkdir(parents=True, exist_ok=True)
        with work_dir(home.parent) as scratch:
            apt = Apt(cache, "", arch)
            for package in _PACKAGES:
                apt.download(package, scratch)
            unpack(scratch)
            (scratch / "tree").rename(home)
    return home


def _triplet(arch: Arch) -> str:
    return arch.gcc.removesuffix("-gcc")


def _package(arch: Arch) -> str:
    """Of the compiler."""
    return f"gcc-{_triplet(arch).replace('_', '-')}"

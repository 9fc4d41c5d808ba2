"""A file with the kernel's types, for kernels that have no BTF of their own."""

import os
from functools import cache

from ktrace.errors import CannotTrace
from ktrace.kernel.btf import VMLINUX

VARIABLE = "KTRACE_BTF"
FOLDER = "/etc/ktrace/btf"
HOW_TO_MAKE = (
    "where this kernel was built: ktrace btf make vmlinux -o FILE; then here --btf FILE, or "
    f"{FOLDER}/{os.uname().release}.btf"
)

_PIECE = 1 << 16
_named = ""


def use_btf_file(path: str) -> None:
    """Before anything else: the option --btf."""
    global _named
    _named = path


def named_btf_file() -> str:
    """What --btf names; "" for nothing."""
    return _named


@cache
def held_copy(path: str) -> str:
    """The same file in memory: a module may come when its disk hangs, or when ktrace has given up
    the right to read it. Raises OSError."""
    if not path:
        return ""
    held = os.memfd_create("ktrace-btf")
    with open(path, "rb") as file, open(held, "wb", closefd=False) as copy:
        while piece := file.read(_PIECE):
            copy.write(piece)
    return f"/proc/self/fd/{held}"


def btf_file(vmlinux: str = VMLINUX, folder: str = FOLDER) -> str:
    """What --btf or $KTRACE_BTF names, or /etc/ktrace/btf/RELEASE.btf where the kernel has no BTF;
    "" for none of them. Raises CannotTrace when what is named is no file that can be read."""
    by = "--btf" if _named else f"${VARIABLE}"
    if named := _named or os.environ.get(VARIABLE):
        if not os.access(named, os.R_OK) or not os.path.isfile(named):
            raise CannotTrace(f"{by} names {named}, which cannot be read", hint=HOW_TO_MAKE)
        return named
    kept = f"{folder}/{os.uname().release}.btf"
    return kept if not os.path.exists(vmlinux) and os.path.isfile(kept) else ""

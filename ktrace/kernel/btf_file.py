"""A file with the kernel's types, for kernels that have no BTF of their own."""

import os
import platform

from ktrace.errors import CannotTrace
from ktrace.kernel.btf import VMLINUX

VARIABLE = "KTRACE_BTF"
FOLDER = "/etc/ktrace/btf"


def btf_file(vmlinux: str = VMLINUX, folder: str = FOLDER) -> str:
    """$KTRACE_BTF, or /etc/ktrace/btf/RELEASE.btf where the kernel has no BTF; "" for neither.
    Raises CannotTrace when $KTRACE_BTF names no file that can be read."""
    if named := os.environ.get(VARIABLE):
        if not os.access(named, os.R_OK) or not os.path.isfile(named):
            raise CannotTrace(
                f"${VARIABLE} names {named}, which cannot be read",
                hint="name a file with this kernel's BTF, or unset it",
            )
        return named
    kept = f"{folder}/{platform.release()}.btf"
    return kept if not os.path.exists(vmlinux) and os.path.isfile(kept) else ""

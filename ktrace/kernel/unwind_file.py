"""The file with a 32-bit ARM kernel's unwind tables, beside the one with its types."""

import os

from ktrace.errors import CannotTrace
from ktrace.kernel.arm_unwind import ArmUnwinder
from ktrace.kernel.btf_file import FOLDER, btf_file

SUFFIX = ".unwind"
_named = ""


def use_unwind_file(path: str) -> None:
    """Before anything else: the option --unwind."""
    global _named
    _named = path


def unwind_file(btf: str) -> str:
    """The name of the file beside the one with the types."""
    return f"{btf.removesuffix('.btf')}{SUFFIX}"


def unwinder(release: str) -> ArmUnwinder | None:
    """What --unwind names, or the file beside the one with the types, or in /etc/ktrace/btf for the
    kernel of that release; None where there is none of them. Raises CannotTrace when it cannot be
    read."""
    beside = unwind_file(btf_file() or f"{FOLDER}/{release}.btf")
    path = _named or beside
    if not _named and not os.path.isfile(path):
        return None
    try:
        with open(path, "rb") as file:
            return ArmUnwinder(file.read())
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise CannotTrace(
            f"no unwind tables can be read from {path}: {why}",
            hint="where this kernel was built: ktrace btf make vmlinux -o FILE.btf",
        ) from None

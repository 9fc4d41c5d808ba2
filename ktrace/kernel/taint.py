"""The letters of "Tainted:" in words: Documentation/admin-guide/tainted-kernels.rst, and
taint_flags of kernel/panic.c. New letters were added, none was given another meaning."""

import re
from functools import lru_cache

FOREIGN = "POE"  # modules that are not the kernel's own
_MEANING = {
    "P": "proprietary module",
    "F": "module loaded by force",
    "S": "CPU or system out of specification",
    "R": "module unloaded by force",
    "M": "machine check before",
    "B": "bad page before",
    "U": "user space asked for it",
    "D": "oops or BUG before",
    "A": "ACPI table overridden",
    "W": "warning before",
    "C": "staging driver",
    "I": "firmware bug worked around",
    "O": "out-of-tree module",
    "E": "unsigned module",
    "L": "soft lockup before",
    "K": "live patched",
    "X": "auxiliary, by the distribution",
    "T": "struct layout randomised",
    "N": "in-kernel test run",
}
_RED_HAT = re.compile(r"\.el\d")
_RED_HATS = {"T": "technology preview used", "H": "hardware not supported", "X": "unsupported"}
_MODULE = re.compile(r"([\w-]{1,64})\(([A-Z+-]{1,12})\)")
_MODULES = re.compile(r"Modules linked in:\s*(.*)")
_MODULES_MAX = 8


def taint_words(letters: str, kernel: str) -> list[str]:
    """["P proprietary module", "W warning before"]; G says that no module is proprietary. kernel:
    its release, as some distributions give letters a meaning of their own."""
    own = _RED_HATS if _RED_HAT.search(kernel) else {}
    return [
        f"{letter} {own.get(letter) or _MEANING.get(letter, 'unknown')}"
        for letter in dict.fromkeys(letters)
        if letter.isalpha() and letter != "G"
    ]


@lru_cache(maxsize=64)
def foreign_modules(text: str) -> tuple[str, ...]:
    """("nvidia(POE)",): those of a line "Modules linked in:" that are marked as proprietary, out of
    tree, forced or unsigned (module_flags() of kernel/module/main.c)."""
    match = _MODULES.match(text)
    if match is None:
        return ()
    found = [
        f"{name}({flags})"
        for name, flags in _MODULE.findall(match[1])
        if set(flags) & {*FOREIGN, "F"}
    ]
    return tuple(found[:_MODULES_MAX])

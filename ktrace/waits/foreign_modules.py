"""Modules that taint the kernel because they are not its own, as sysfs lists them."""

from ktrace.record import record
from ktrace.waits.sysfs import text

_MODULES = "/sys/module"
_FOREIGN = {  # letters of kernel/panic.c, taint_flags: what makes a module foreign
    "P": "proprietary",
    "O": "out-of-tree",
    "E": "unsigned",
    "F": "forced",
}


@record
class ForeignModule:
    """version: empty where it has none. taints: "OE"."""

    name: str
    version: str
    taints: str

    @property
    def text(self) -> str:
        """ "out-of-tree, unsigned module zfs 2.1.11 (taints O, E)"."""
        kinds = ", ".join(word for letter, word in _FOREIGN.items() if letter in self.taints)
        name = f"{self.name} {self.version}" if self.version else self.name
        return f"{kinds} module {name} (taints {', '.join(self.taints)})"


def foreign_module(name: str) -> ForeignModule | None:
    """None where the module is the kernel's own, or is not there. An unsigned one alone is no sign
    of another's: distributions without signatures have many."""
    taints = text(_MODULES, name, "taint")
    if not {"P", "O"} & set(taints):
        return None
    return ForeignModule(name, text(_MODULES, name, "version"), taints)

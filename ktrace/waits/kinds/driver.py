"""A sleep in a module that is not the kernel's own, whose waits nobody else knows."""

from ktrace.waits.foreign_modules import foreign_module
from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.sleeper import Sleeper


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    """Where it sleeps in the module itself, or in what the module has called."""
    for function, name in sleeper.in_modules:
        module = foreign_module(name)
        if module:
            return Found(
                "driver",
                0,
                f"{function}() of the {module.text}",
                ("its stack", "/sys/module/*/taint"),
                target=" ".join(filter(None, (module.name, module.version))),
            )
    return None


KIND = Kind(
    "driver",
    (),
    _read,
    tells="a proprietary or out-of-tree module, its version and taints; the function",
    released="nothing in user space: the module",
    seen="6.1",
)

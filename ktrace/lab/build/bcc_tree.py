"""bcc for the guest's /usr: the Python module, libbcc with its compiler, the kernel's headers."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from ktrace.errors import CannotTrace
from ktrace.lab.build import python_tree

MODULE = Path("/usr/lib/python3/dist-packages/bcc")
_LIBRARY = "libbcc.so.0"
_OPENED_BY_MODULE = "librt.so.1"  # by name, for a clock
_ARCH = "x86"  # the lab's guests are x86_64
_LEFT_OUT = ("scripts", "tools", "Documentation")
# libbcc, libLLVM and libclang-cpp are mapped, and the compiler needs some 190 MiB beside
MORE_MEMORY_MB = 768
# Under TCG compiling takes twenty times as long as on the machine.
START_S = 900.0


def without_btf(command: tuple[str, ...]) -> tuple[str, ...]:
    """A command line for the guest that sees a kernel without BTF."""
    hide = 'mount -t tmpfs none /sys/kernel/btf && exec "$@"'
    return ("sh", "-c", hide, "sh", *command)


def sources() -> list[Path]:
    """What decides whether a built image is still good."""
    return [_module(), _library()]


def build(usr: Path, headers: Path) -> None:
    """Add to `usr`; `headers` is an unpacked tree of packages, with usr/src and lib/modules."""
    python_tree.copy_module(_module(), usr / "lib" / "python3" / "dist-packages")
    python_tree.copy_shared_libraries(usr, [_library()])
    for library in (_library(), _library().parent / _OPENED_BY_MODULE):
        shutil.copy2(library, python_tree.place_of_library(usr, library))
    shutil.copytree(headers / "usr" / "src", usr / "src", symlinks=True, ignore=_unneeded)
    for parent in ("lib/modules", "usr/lib/modules"):
        if (headers / parent).is_dir():
            shutil.copytree(headers / parent, usr / "lib" / "modules", symlinks=True)


def _unneeded(directory: str, names: list[str]) -> set[str]:
    if Path(directory).name == "arch":
        return {name for name in names if name != _ARCH}
    top = Path(directory).parent.name == "src"
    return {name for name in names if top and name in _LEFT_OUT}


def _module() -> Path:
    if not MODULE.is_dir():
        raise CannotTrace(f"the lab needs {MODULE}", hint="Debian has it in: python3-bpfcc")
    return MODULE


def _library() -> Path:
    for directory in _library_directories():
        if (directory / _LIBRARY).exists():
            return directory / _LIBRARY
    raise CannotTrace(f"the lab needs {_LIBRARY}", hint="Debian has it in: libbpfcc")


def _library_directories() -> Iterator[Path]:
    yield from Path("/usr/lib").glob("*-linux-gnu")
    yield Path("/usr/lib")

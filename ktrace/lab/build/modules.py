"""Which modules a guest needs, in the order in which they can be loaded.

The kernel package has no modules.dep (depmod makes it at installation), so the dependencies
are read from the modules themselves.
"""

import lzma
import re
from collections.abc import Iterable
from pathlib import Path

from ktrace.errors import UsageError
from ktrace.lab.errors import LabError

_DEPENDS = re.compile(rb"(?:^|\0)depends=([^\0]*)\0")
_VERMAGIC = re.compile(rb"(?:^|\0)vermagic=([^\0]*)\0")
_SUFFIXES = (".ko", ".ko.xz")


class ModuleTree:
    """The modules of one kernel, as they are in lib/modules/RELEASE, some of them `replaced` by
    files of the same name. Raises UsageError for one that this kernel would not load."""

    def __init__(self, root: Path, replaced: Iterable[Path] = ()) -> None:
        self.root = root
        self._files = {
            module_name(path): path
            for suffix in _SUFFIXES
            for path in sorted(root.rglob(f"*{suffix}"))
        }
        self._builtin = _builtin_names(root / "modules.builtin")
        for path in replaced:
            self._replace(path)

    def load_order(self, wanted: Iterable[str]) -> list[str]:
        """`wanted` and all that they depend on, each after what it depends on."""
        order: list[str] = []
        for name in wanted:
            self._add(name, order)
        return order

    def content(self, name: str) -> bytes:
        """The module's ELF file, uncompressed."""
        return _read(self._files[name])

    def _replace(self, path: Path) -> None:
        name = module_name(path)
        if name not in self._files:
            raise UsageError(f"the kernel of {self.root} has no module {name} that {path} could be")
        wanted, found = version_magic(self.content(name)), version_magic(_read(path))
        if wanted != found:
            raise UsageError(
                f"{path} is not for this kernel: its vermagic is {found!r}, not {wanted!r}",
                hint="build it with this kernel's headers",
            )
        self._files[name] = path

    def _add(self, name: str, order: list[str]) -> None:
        if name in order or name in self._builtin:
            return
        if name not in self._files:
            raise LabError(f"the kernel of {self.root} has no module {name}, built in or not")
        for dependency in dependencies(self.content(name)):
            self._add(dependency, order)
        order.append(name)


def module_name(path: Path) -> str:
    """The kernel's name for a module file: crc32c-intel.ko.xz is crc32c_intel."""
    return path.name.partition(".")[0].replace("-", "_")


def dependencies(elf: bytes) -> list[str]:
    """The modules that a module's .modinfo section says it depends on."""
    found = _DEPENDS.search(elf)
    if found is None:
        return []
    return [name.replace("-", "_") for name in found[1].decode().split(",") if name]


def version_magic(elf: bytes) -> str:
    """What a kernel compares before it loads a module: its release, SMP, preemption, ..."""
    found = _VERMAGIC.search(elf)
    return found[1].decode(errors="replace").strip() if found else ""


def _read(path: Path) -> bytes:
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def _builtin_names(listing: Path) -> set[str]:
    if not listing.is_file():
        return set()
    return {module_name(Path(line)) for line in listing.read_text().splitlines()}

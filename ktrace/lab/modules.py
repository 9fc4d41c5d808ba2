"""Which modules a guest needs, in the order in which they can be loaded.

The kernel package has no modules.dep (depmod makes it at installation), so the dependencies
are read from the modules themselves.
"""

import lzma
import re
from collections.abc import Iterable
from pathlib import Path

from ktrace.lab.errors import LabError

_DEPENDS = re.compile(rb"(?:^|\0)depends=([^\0]*)\0")
_SUFFIXES = (".ko", ".ko.xz")


class ModuleTree:
    """The modules of one kernel, as they are in lib/modules/RELEASE."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._files = {
            module_name(path): path
            for suffix in _SUFFIXES
            for path in sorted(root.rglob(f"*{suffix}"))
        }
        self._builtin = _builtin_names(root / "modules.builtin")

    def load_order(self, wanted: Iterable[str]) -> list[str]:
        """`wanted` and all that they depend on, each after what it depends on."""
        order: list[str] = []
        for name in wanted:
            self._add(name, order)
        return order

    def content(self, name: str) -> bytes:
        """The module's ELF file, uncompressed."""
        path = self._files[name]
        data = path.read_bytes()
        return lzma.decompress(data) if path.suffix == ".xz" else data

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


def _builtin_names(listing: Path) -> set[str]:
    if not listing.is_file():
        return set()
    return {module_name(Path(line)) for line in listing.read_text().splitlines()}

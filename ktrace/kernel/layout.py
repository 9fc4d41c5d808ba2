"""Where members of the kernel's structures lie, looked up once in its BTF and kept as numbers."""

from collections.abc import Iterable

from ktrace.kernel.btf import Btf
from ktrace.kernel.word_width import WIDTH_64, Width


class NotInThisKernel(LookupError):
    """This kernel has no such member or struct."""


class Layout:
    """Offsets and sizes in bytes; None for what this kernel does not have.

    A path names a member, "mutex.wait_list" or "super_block.s_writers.rw_sem"; a name without a
    dot is a struct, for its size.
    """

    def __init__(self, known: dict[str, int | None], width: Width = WIDTH_64) -> None:
        self._known = known
        self.width = width

    @classmethod
    def of(cls, btf: Btf, wanted: Iterable[str], modules: Iterable[str] = ()) -> "Layout":
        """modules: whose types are looked up too, where they are loaded."""
        found = {path: _find(btf, path) for path in dict.fromkeys(wanted)}
        for name in modules:
            module = Btf.of_module(name, btf)
            if module is not None:
                missing = (path for path, offset in found.items() if offset is None)
                found |= {path: _find(module, path) for path in [*missing]}
                module.close()
        return cls(found, Width.of_machine(btf.word_bytes()))

    def get(self, path: str) -> int | None:
        """Raises KeyError for a path that was not asked for."""
        return self._known[path]

    def has(self, *paths: str) -> bool:
        return all(self._known[path] is not None for path in paths)

    def __getitem__(self, path: str) -> int:
        """Raises NotInThisKernel; KeyError for a path that was not asked for."""
        found = self._known[path]
        if found is None:
            raise NotInThisKernel(f"this kernel has no {path}")
        return found


def _find(btf: Btf, path: str) -> int | None:
    return btf.path_offset(path) if "." in path else btf.size_of(path)

"""The counts of bpf/squashfs_use.bpf.c, read from its maps."""

from collections.abc import Mapping

from ktrace.kernel.btf import Btf
from ktrace.package import bpf_object
from ktrace.probes.hash_map import HashMap
from ktrace.probes.loader import SquashfsTables

OBJECT = "squashfs_use"


class SquashfsMaps:
    """maps: file descriptors by name. The structs are read when squashfs is there: most runs never
    need them."""

    def __init__(self, maps: Mapping[str, int]) -> None:
        described = Btf.of_file(bpf_object(OBJECT))
        try:
            key = described.structure("squashfs_use_key")
            use, facts = (
                HashMap(maps[name], key, described.structure(name))
                for name in ("squashfs_use", "squashfs_use_facts")
            )
            file_key = described.structure("squashfs_file_key")
            file = described.structure("squashfs_file")
        finally:
            described.close()
        self._use, self._facts = use, facts
        self._files = HashMap(maps["squashfs_files"], file_key, file)

    def read(self, programs: Mapping[str, int]) -> SquashfsTables:
        """programs: see SquashfsTables."""
        facts = {bytes(key): value for key, value in self._facts.entries()}
        caches = tuple(
            (key, facts[bytes(key)], values)
            for key, values in self._use.entries_by_cpu()
            if bytes(key) in facts
        )
        return SquashfsTables(caches, tuple(self._files.entries()), programs)

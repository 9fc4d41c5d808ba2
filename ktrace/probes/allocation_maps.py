"""What bpf/allocations.bpf.c has counted, read from its maps."""

import ctypes
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ktrace.kernel.btf import Btf
from ktrace.kernel.libbpf import lib
from ktrace.package import bpf_object
from ktrace.probes.catalog import ALLOCATIONS
from ktrace.probes.hash_map import HashMap
from ktrace.probes.kernel_memory import TestRunOptions
from ktrace.probes.wire import word_of
from ktrace.record import record

_SITES = 2048  # entries of the maps
_LIVE = 16384
_STEALS = 1024
_BATCH_END = 2  # ENOENT: the last batch has been read


@record
class Living:
    """What is left of a site's allocations. oldest_t: nanoseconds of CLOCK_BOOTTIME."""

    number: int
    bytes: int
    oldest_t: int


class AllocationMaps:
    """maps: file descriptors by name; programs: those of the programs that fill them; sweep: of
    the one that is run to drop blocks of pages that are free again, None: a hook does it."""

    def __init__(self, maps: Mapping[str, int], programs: Sequence[int], sweep: int | None) -> None:
        self._programs, self._sweep = programs, sweep
        self._options = TestRunOptions(sz=ctypes.sizeof(TestRunOptions))
        described = Btf.of_file(bpf_object(ALLOCATIONS))
        try:
            layout = described.structure
            self._sites = HashMap(
                maps["alloc_sites"],
                layout("allocation_site_key"),
                layout("allocation_site"),
                _SITES,
            )
            self._steals = HashMap(
                maps["alloc_steals"], layout("steal_key"), layout("steal_counts"), _STEALS
            )
            self._live_key, self._live_value = (
                layout("allocation_live_key"),
                layout("allocation_live"),
            )
            self._kinds = _words(described, "allocation_kind")
            self._losses = _words(described, "allocation_loss")
        finally:
            described.close()
        self._live_fd, self._losses_fd = maps["alloc_live"], maps["alloc_losses"]
        self._keys, self._values = (self._live_key * _LIVE)(), (self._live_value * _LIVE)()

    def kind(self, number: int) -> str:
        """ "pages" of ALLOCATION_PAGES."""
        return self._kinds.get(number, str(number))

    def sites(self, calls: Mapping[int, int]) -> list[tuple[Any, Any]]:
        """struct allocation_site_key and allocation_site of those with more calls than `calls` has
        for their id."""
        return [
            (key, site) for key, site in self._sites.entries() if site.calls > calls.get(site.id, 0)
        ]

    def steals(self) -> list[tuple[Any, Any]]:
        """struct steal_key and steal_counts."""
        return [*self._steals.entries()]

    def living(self) -> dict[int, Living] | None:
        """By site; None where the kernel cannot tell all at once (hash maps can since v5.6), or
        now."""
        count = self._read_live()
        if count is None:
            return None
        numbers: dict[int, int] = defaultdict(int)
        sizes: dict[int, int] = defaultdict(int)
        oldest: dict[int, int] = {}
        for value in self._values[:count]:
            numbers[value.site] += 1
            sizes[value.site] += value.bytes
            oldest[value.site] = min(value.t, oldest.get(value.site, value.t))
        return {site: Living(numbers[site], sizes[site], oldest[site]) for site in numbers}

    def losses(self) -> dict[str, int]:
        """By the word of enum allocation_loss; only those above 0."""
        found = {}
        for number, word in self._losses.items():
            key, value = ctypes.c_uint32(number), ctypes.c_uint64()
            known = lib().bpf_map_lookup_elem(
                self._losses_fd, ctypes.byref(key), ctypes.byref(value)
            )
            if known == 0 and value.value:
                found[word] = value.value
        return found

    def missed(self) -> int | None:
        """How often a program was not run, since an interrupt came while it was running on that
        CPU, whatever the order: bpf_prog_inc_misses_counter() of kernel/bpf/syscall.c, v5.12.
        None: not told."""
        found = [_missed(fd) for fd in self._programs]
        return None if None in found or not found else sum(filter(None, found))

    def _read_live(self) -> int | None:
        """How many entries are in the buffers now."""
        if self._sweep is not None and lib().bpf_prog_test_run_opts(
            self._sweep, ctypes.byref(self._options)
        ):
            return None
        at = ctypes.create_string_buffer(8)
        count = ctypes.c_uint32(_LIVE)
        failed = lib().bpf_map_lookup_batch(
            self._live_fd, None, at, self._keys, self._values, ctypes.byref(count), None
        )
        if failed and ctypes.get_errno() != _BATCH_END:
            return None
        return count.value


def knobs(order: int, pageblock_order: int, flags: dict[str, int]) -> dict[str, int]:
    """Of bpf/allocations.bpf.c. flags: of gfp: may_wait, urgent and compound."""
    page = os.sysconf("SC_PAGE_SIZE")
    return {
        "min_order": order,
        "min_bytes": page << order,
        "page_shift": page.bit_length() - 1,
        "pageblock_order": pageblock_order,
        "possible_cpus": possible_cpus(),
        **flags,
        "own_pid": os.getpid(),
    }


def possible_cpus(path: str = "/sys/devices/system/cpu/possible") -> int:
    """Each has its own copy of a per-CPU allocation."""
    try:
        with open(path) as file:
            return int(file.read().strip().rpartition(",")[2].rpartition("-")[2]) + 1
    except (OSError, ValueError):
        return os.cpu_count() or 1


def _missed(program: int) -> int | None:
    try:
        with open(f"/proc/self/fdinfo/{program}") as file:
            lines = [line.split() for line in file if line.startswith("recursion_misses:")]
    except OSError:
        return None
    return int(lines[0][1]) if lines else None


def _words(described: Btf, enum: str) -> dict[int, str]:
    return {number: word_of(name) for name, number in (described.enum(enum) or {}).items()}

"""What a loader does, however it gets its programs into the kernel."""

import ctypes
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from ktrace.findings import Probe
from ktrace.kernel.btf import Btf
from ktrace.record import record

if TYPE_CHECKING:
    from ktrace.probes.allocation_maps import AllocationMaps
    from ktrace.probes.bio_submitters import BioSubmitters

RawEvent = tuple[str, ctypes.Structure]  # enum event_kind's name, and the struct of bpf/events.h


@record
class OomCounts:
    """What bpf/oom_counts.bpf.h counted for a domain: structs of bpf/events.h."""

    cgroup: int  # kernfs id; 0: the machine
    call: int  # enum oom_call
    domain: Any  # struct oom_domain_counts
    callers: tuple[Any, ...]  # struct oom_caller_counts, busiest first


@record
class SquashfsTables:
    """What bpf/squashfs_use.bpf.c counted since it was attached: structs of bpf/events.h."""

    caches: tuple[tuple[Any, Any, list[Any]], ...]  # key, facts, and a struct for each CPU
    files: tuple[tuple[Any, Any], ...]  # key, struct squashfs_file
    programs: Mapping[str, int]  # that count: descriptors, by the function that they hook


class Loader(Protocol):
    """Puts the probes into the kernel and hands out what they send."""

    name: str
    can_follow: bool  # has follow(), walk_marked() and sample() to show chosen tasks

    @property
    def allocations(self) -> "AllocationMaps | None":
        """Of large allocations, after attach(); None where they are not traced."""

    @property
    def bio_submitters(self) -> "BioSubmitters | None":
        """After attach(); None where they are not noted."""

    def has_function(self, name: str) -> bool:
        """Does the kernel have a function of that name? Before attach()."""

    def enum(self, name: str) -> dict[str, int] | None:
        """Enumerators of the kernel's enum of that name, None where unknown. Before attach()."""

    def kernel_btf(self) -> Btf | None:
        """The running kernel's, where this loader reads it. Before forget_types()."""

    def facts(self) -> list[tuple[str, str]]:
        """Names and values that doctor shows of this loader. After attach()."""

    def attach(self) -> list[Probe]:
        """Hook what can be hooked. Raises CannotTrace when nothing can."""

    def forget_types(self) -> None:
        """After attach(): let go of the kernel's types."""

    def read(self, timeout_s: float) -> list[RawEvent]:
        """Events since the last call; waits for the first at most timeout_s."""

    def wake_on(self, fd: int) -> None:
        """read() returns early when something can be read from fd, too."""

    def walk(self) -> tuple[list[RawEvent], bool]:
        """A look at every task; False when it is not complete."""

    def follow(self, marks: Mapping[int, int]) -> bool:
        """Have walks show these tids, whatever they do; mark 0 takes one out again."""

    def walk_marked(self, mark: int) -> tuple[list[RawEvent], bool]:
        """A look at those only that follow() gave this mark."""

    def sample(self, tids: Iterable[int]) -> None:
        """Tell where these tasks run from now on, as TASK_RUNS, and no others; where follow() is
        not there, this is not either."""

    def lost(self) -> dict[str, int]:
        """Events lost since the start, by kind; empty when none."""

    def oom_counts(self, seen: dict[tuple[int, int], int]) -> list[OomCounts]:
        """Domains with more calls than seen has for their (cgroup, call)."""

    def forget_oom_counts(self, cgroup: int, call: int) -> None:
        """Make room for other domains; what this one calls later is counted from 0."""

    def squashfs_tables(self) -> SquashfsTables | None:
        """None: not counted."""

    def follow_modules(self) -> list[Probe]:
        """Probes that changed because a module came or went."""

    def close(self) -> None:
        """Take all hooks out."""

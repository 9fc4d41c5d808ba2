"""Runs to compare: each session of each trace file is one."""

import os
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from ktrace.comparison import large_allocations
from ktrace.comparison.large_allocations import LargeCounts
from ktrace.comparison.squashfs_reads import SquashfsReads, reads_of
from ktrace.detectors.analysis import Analysis
from ktrace.detectors.kills import OOM_KILL_PROBES, Kill, Place
from ktrace.detectors.livelock import Livelocks
from ktrace.errors import UsageError
from ktrace.events import BadPage, Event, ProbeChange
from ktrace.findings import Finding, Session
from ktrace.probes.catalog import PAGE_CHECKS
from ktrace.record import record
from ktrace.trace.reader import Record, Rest, TraceFile
from ktrace.trace.rests import with_rests
from ktrace.views.progress import Progress

# Judged as this command would, whatever recorded it: a comparison is about killed tasks.
_COMMAND = "oom-hang"
SQUASHFS = "squashfs"  # but runs of this one are about what it is about
_BAD_PAGE = "bad_page"
_OOM_CALLS = "out_of_memory"
_SUFFIXES = (".ktrace", ".ktrace.gz")
_LARGE = 4 << 20  # bytes: processes are started for that

_File = tuple[str, Rest | None]


@record
class Run:
    """What one session says. Times are seconds."""

    file: str
    session: Session
    duration_s: float
    stuck_after: float  # who has not died by then is stuck
    victims: tuple[Kill, ...]  # those that were seen killed or dead
    unseen: int  # signals whose target was never seen again
    oom_invocations: int | None  # None: not measured, there was no probe for it
    oom_kills: int | None  # None: not measured
    bad_pages: int | None  # None: not measured, or the kernel does not check pages
    doubts: tuple[str, ...]  # why a stuck task could have been missed
    probes: dict[str, str]  # by function: attached (at any time of the run), waiting or missing
    squashfs: SquashfsReads | None = None  # None: not measured
    large: LargeCounts | None = None  # large allocations; None: not measured

    @property
    def stuck(self) -> list[Kill]:
        """Kills that lived for longer than stuck_after."""
        return [victim for victim in self.victims if victim.after_s >= self.stuck_after]

    def stuck_in(self, function: str) -> int:
        """How many of the stuck were in that function for the longest time."""
        return sum(function_of_victim(victim) == function for victim in self.stuck)

    @property
    def names(self) -> Counter[str]:
        """The killed, by the name of their task."""
        return Counter(victim.comm for victim in self.victims)


def function_of_victim(victim: Kill) -> str:
    """Where it was for the longest time; "" where nobody knows."""
    return (victim.place or Place("", "")).function


def read_runs(paths: Iterable[str], stuck_after: float | None) -> tuple[list[Run], list[str]]:
    """The runs of traces, directories of traces, and what to warn of.

    stuck_after None: what each was recorded with. A run that comes twice is taken once, a rest that
    --spill wrote is read with its trace.
    Raises UsageError where a path is not a trace.
    """
    (found,) = read_sides([paths], stuck_after)
    return found


def read_sides(
    sides: Iterable[Iterable[str]], stuck_after: float | None
) -> list[tuple[list[Run], list[str]]]:
    """read_runs() of each, all files together."""
    files = [[*with_rests([file for path in side for file in _files(path)])] for side in sides]
    runs = iter(_read_all([file for side in files for file in side], stuck_after))
    return [_each_once([(file, next(runs)) for file, _ in side]) for side in files]


def _each_once(read: Iterable[tuple[str, list[Run]]]) -> tuple[list[Run], list[str]]:
    """Of files, and what to warn of."""
    runs: dict[tuple[str, float, str], Run] = {}
    warnings = []
    for file, found in read:
        for run in found:
            key = (run.session.boot_id, run.session.t, run.session.host)
            if key in runs and run.session.boot_id != "?":
                warnings.append(f"{file} has the same run as {runs[key].file}: counted once")
                continue
            runs[key] = run
    return list(runs.values()), warnings


def _files(path: str) -> list[str]:
    if not Path(path).is_dir():
        return [path]
    found = sorted(str(file) for suffix in _SUFFIXES for file in Path(path).glob(f"*{suffix}"))
    if not found:
        raise UsageError(f"no trace ({', '.join(_SUFFIXES)}) is in the directory {path}")
    return found


def _read_all(files: list[_File], stuck_after: float | None) -> Iterable[list[Run]]:
    """At once where they are several large ones, else one after the other."""
    size = sum(os.path.getsize(file) for file, _ in files if os.path.isfile(file))
    read = partial(_read, stuck_after)
    if len(files) == 1 or size < _LARGE or "-" in (file for file, _ in files):
        return [_read_one(read, file) for file in files]
    from ktrace.parallel import cpus, each

    return each(read, files, size, min(len(files), cpus()))


def _read_one(read: Callable[[_File, Callable[[int], None]], list[Run]], file: _File) -> list[Run]:
    with closing(Progress.of_file(file[0])) as progress:
        return read(file, progress.update)


def _read(stuck_after: float | None, file: _File, progress: Callable[[int], None]) -> list[Run]:
    path, rest = file
    readers = []
    with TraceFile(path, rest=rest, progress=progress) as trace:
        reader = _Reader(path, trace.session, stuck_after)
        for record in trace.records():
            if isinstance(record, Session) and record is not trace.session:
                readers.append(reader)
                reader = _Reader(path, record, stuck_after)
            reader.record(record)
        readers.append(reader)
        # Nobody knows in which of a file's sessions the damaged line was.
        damage = trace.damage.lines()
    return [reader.run(damage) for reader in readers]


@dataclass(slots=True)
class _Reader:
    """Collects one session."""

    path: str
    session: Session
    stuck_after: float | None
    analysis: Analysis = field(init=False)
    bad_pages: int = 0
    end_t: float = 0.0
    attached: set[str] = field(default_factory=set)  # at any time

    def __post_init__(self) -> None:
        own = self.session.command == SQUASHFS
        judged = replace(self.session, command=SQUASHFS if own else _COMMAND)
        if self.stuck_after:
            judged = replace(judged, stuck_after=self.stuck_after)
        self.analysis = Analysis(judged, kept=None)
        large_allocations.prepare(self.analysis, self.session)

    def record(self, record: Record) -> None:
        if isinstance(record, Event):
            self.analysis.feed(record)
            if isinstance(record, ProbeChange) and record.state == "attached":
                self.attached.add(record.function)
            # Bad pages from before the run are told at its start.
            self.bad_pages += isinstance(record, BadPage) and record.t > self.session.t
        elif not isinstance(record, Session | Finding):
            self.end_t = record.t

    def run(self, damage: list[str]) -> Run:
        ended = self.analysis.t = max(self.end_t, self.analysis.t)
        why = self.analysis.end().why
        kills = self.analysis.kills
        kills.finish(ended)
        victims = tuple(kill for kill in kills.kills if kill.seen)
        probes = self._probes()
        pages = probes.get(PAGE_CHECKS) != "missing"
        return Run(
            file=self.path,
            session=self.session,
            duration_s=round(ended - self.session.t, 6),
            stuck_after=self.analysis.session.stuck_after,
            victims=victims,
            unseen=len(kills.kills) - len(victims),
            oom_invocations=_measured(self.analysis.of(Livelocks).calls, probes, _OOM_CALLS),
            oom_kills=_measured(kills.oom_total, probes, *OOM_KILL_PROBES),
            bad_pages=_measured(self.bad_pages, probes if pages else {}, _BAD_PAGE),
            doubts=(*([why] if why else []), *damage),
            probes=probes,
            squashfs=reads_of(self.analysis),
            large=large_allocations.counts_of(self.analysis),
        )

    def _probes(self) -> dict[str, str]:
        states = {name: probe.state for name, probe in self.analysis.probes.items()}
        at_start = {probe.function for probe in self.session.probes if probe.state == "attached"}
        return states | dict.fromkeys(self.attached | at_start, "attached")


def _measured(count: int, probes: dict[str, str], *any_of: str) -> int | None:
    """count; None for a zero that nobody could have raised."""
    return count if count or any(probes.get(name) == "attached" for name in any_of) else None

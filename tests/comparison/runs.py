"""Runs to compare, made from events as a trace would have them."""

from pathlib import Path

from ktrace.comparison.runs import Run, read_runs
from ktrace.events import BadPage, Event, Task
from ktrace.findings import End, Probe, Session
from ktrace.trace.reader import Record
from tests.factories import FILLER_STACK, SHELL, dead, kill, session, state, walk
from tests.trace.samples import write

START = 100.0
STUCK_S = 10.0
ALL_PROBES = "signal_generate sched_switch task mark_victim bad_page out_of_memory".split()


def victim(pid: int, comm: str = "reader") -> Task:
    return Task(pid, pid, comm)


def stuck(task: Task, t: float = 101.0, after_s: float = STUCK_S, **changes: object) -> list[Event]:
    """Killed at t, looked at a second later, dead after after_s."""
    return [
        kill(t, task),
        state(t + 1.2, task, **changes),
        walk(t + 1.2005),
        dead(t + after_s, task),
    ]


def quick(task: Task, t: float = 101.0, after_s: float = 0.02, exit_code: int = 9) -> list[Event]:
    """Killed at t and dead at once."""
    return [kill(t, task), dead(t + after_s, task, exit_code)]


def bad_page(t: float) -> BadPage:
    return BadPage(
        t=t,
        boot="",
        by=SHELL,
        pfn=None,
        page="0x1",
        page_phys=None,
        flags="0x0",
        flag_names=(),
        fields=(),
        refcount=None,
        mapcount=None,
        mapping=None,
        memcg=None,
        triggered=(),
        path="",
        reason="",
        stack=(),
        words=(),
    )


def hang(filler_killed: bool = True) -> list[Event]:
    """Three waiters stuck in squashfs_cache_get(), and a filler in submit_bio_wait()."""
    events = [event for pid in (20, 21, 22) for event in stuck(victim(pid))]
    if filler_killed:
        events += stuck(victim(30, "filler"), stack=FILLER_STACK)
    return sorted(events, key=lambda event: event.t)


def fixed() -> list[Event]:
    """The waiters die at once, the filler does not."""
    events = [event for pid in (20, 21, 22) for event in quick(victim(pid))]
    return sorted(
        events + stuck(victim(30, "filler"), stack=FILLER_STACK), key=lambda event: event.t
    )


def head(number: int, **changes: object) -> Session:
    probes = tuple(Probe(name, "tp_btf", "attached") for name in ALL_PROBES)
    values: dict[str, object] = {"boot_id": f"boot-{number}", "probes": probes, "t": START}
    return session(**(values | changes))


def trace(path: Path, number: int, events: list[Event], **changes: object) -> str:
    """A trace file of one run; number makes it another one."""
    end = End(t=START + 20, lost=0, findings=0, verdict="clean")
    records: list[Record] = [head(number, **changes), *events, end]
    return str(write(path, records, force=True))


def runs(folder: Path, name: str, *all_events: list[Event], **changes: object) -> list[Run]:
    """A run for each list of events."""
    paths = [
        trace(folder / f"{name}-{i}.ktrace", hash((name, i)), events, **changes)
        for i, events in enumerate(all_events)
    ]
    found, warnings = read_runs(paths, None)
    assert not warnings
    return found

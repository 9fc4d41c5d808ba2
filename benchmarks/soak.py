"""Hours of a busy machine in minutes: does ktrace grow?

    python -m benchmarks.soak [HOURS] [FOLDER]     (6 hours; a folder for the trace)

The events of so many hours go through the loop of a live run, as fast as it takes them: detectors,
plain lines, recording. There are kills and deaths, OOM kills, threads that stay stuck for minutes,
in some hundred stacks. Prints the resident memory, KiB, at each tenth of the time,
and the size of the trace an hour; exit status 1 if memory has grown by more than 1 MiB since the
third tenth (by then the bounded tables are full).
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from ktrace import survival
from ktrace.events import Event, Task, TaskState, Walk
from ktrace.findings import Probe
from ktrace.live import opening
from ktrace.live import run as live
from ktrace.live.options import Options
from ktrace.problems import PROBLEMS
from ktrace.repeated_looks import LooksLeftOut
from ktrace.sources.live.source import now
from ktrace.views.lines import LinesView
from tests.factories import SHELL, dead, kill, oom_kill, oom_victim, reap, state

STUCK = 50  # threads, at any time
STUCK_S = 300
PLACES = 3000  # a sixth of them: each has its stack, which the writer of the trace remembers
GROWTH_KIB = 1024
TENTHS = 10


class Soak:
    """In place of LiveSource."""

    def __init__(self, seconds: int) -> None:
        names = [name for problem in PROBLEMS for name in problem.probes]
        self.probes = [Probe(name, "tp_btf", "attached") for name in names]
        self.loader = SimpleNamespace(name="soak")
        self.why_no_waits = ""
        self.attaching_t = self.attached_t = now()
        self.rss: list[int] = []
        self._events = self._story(seconds)

    def load_symbols(self) -> int:
        return 1

    def read(self, timeout_s: float) -> list[Event]:
        found = next(self._events, None)
        if found is None:
            os.kill(os.getpid(), 15)  # the run ends in order
            time.sleep(0.01)
        return found or []

    def finish(self) -> list[Event]:
        return []

    def close(self) -> None:
        pass

    def _story(self, seconds: int) -> Iterator[list[Event]]:
        begun, looks, stuck = now(), LooksLeftOut(), dict[int, TaskState]()
        for second in range(seconds):
            t = begun + second
            if second % (seconds // TENTHS) == 0:
                self.rss.append(survival.memory_kib()["VmRSS"])
            yield looks.passed([*_deaths(t, 1_000_000 + second), *_stuck(t, second, stuck)])
            walk = Walk(t=t + 0.9, started_t=t + 0.8, complete=True)
            yield looks.walked([*(replace(one, t=t + 0.85) for one in stuck.values()), walk])


def _deaths(t: float, pid: int) -> list[Event]:
    """Of a process that SIGKILL ends, and now and then of one that the OOM killer chooses."""
    task = Task(pid, pid, f"job{pid}")
    if pid % 10:
        return [kill(t, task), dead(t + 0.01, task)]
    return [
        oom_kill(t, task),
        kill(t + 0.001, task, SHELL, si_code=128),
        oom_victim(t + 0.002, pid),
        *(reap(t + 0.003, step, pid) for step in ("wake", "start", "finish")),
        dead(t + 0.1, task),
    ]


def _stuck(t: float, second: int, stuck: dict[int, TaskState]) -> list[Event]:
    """One becomes stuck; the oldest dies."""
    if second % (STUCK_S // STUCK):
        return []
    tid = 2_000_000 + second
    task = Task(tid, tid, "stuck")
    place = f"place_{second % PLACES}+0x1"
    stack = (place, "squashfs_cache_get+0x323 [squashfs]", "read_pages+0x1")
    stuck[tid] = state(t, task, start_t=t - 1.0, stack=stack)
    events: list[Event] = [kill(t + 0.1, task)]
    if len(stuck) > STUCK:
        events.append(dead(t + 0.2, stuck.pop(next(iter(stuck))).task))
    return events


def main() -> int:
    hours = float(sys.argv[1]) if len(sys.argv) > 1 else 6.0
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as folder:
        trace = Path(folder) / "soak.ktrace"
        soak = Soak(int(hours * 3600))
        opening.LiveSource = lambda *_, **__: soak  # type: ignore[assignment, misc]
        live.open_earlier = lambda _: []
        shown, sys.stdout = sys.stdout, open(os.devnull, "w")  # noqa: SIM115
        live.run(Options(command="record", record=str(trace)), LinesView())
        sys.stdout = shown
        print(f"RSS, KiB: {' '.join(map(str, soak.rss))}")
        print(f"trace: {trace.stat().st_size / hours / 1e6:.1f} MB an hour")
    growth = soak.rss[-1] - soak.rss[3]
    print(f"grown by {growth} KiB since the third tenth")
    return int(growth > GROWTH_KIB)


if __name__ == "__main__":
    sys.exit(main())

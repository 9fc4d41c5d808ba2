"""How fast a trace is encoded and decoded, against the bare JSON of the same events.

    python benchmarks/trace_file.py [EVENTS]

The ratios matter, the rates are those of the machine. Also told: how long a tracing loop is held
up by one write_event() at most, and the size on disk.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ktrace.events import Event, FatalSignal, SquashfsCall, Task, TaskState
from ktrace.findings import End, Session
from ktrace.trace.reader import TraceFile
from ktrace.trace.writer import TraceWriter

SESSION = Session(
    ktrace="0",
    format=1,
    command="benchmark",
    host="host",
    kernel="6.1",
    boot_id="0",
    machine="x86_64",
    t=0.0,
    wall="2026-01-01T00:00:00Z",
    loader="libbpf",
    stuck_after=1.0,
    probes=(),
)


def sample(count: int) -> list[Event]:
    """As in a run with many kills: half of them looks at threads, of 50 different stacks."""
    stacks = [tuple(f"function_{n}_{depth}+0x1f" for depth in range(16)) for n in range(50)]
    task = Task(377, 381, "appd")
    kill = FatalSignal(t=0.0, by=task, target=task, signal=9, group=True, si_code=128)
    state = TaskState(
        t=0.0,
        task=task,
        ppid=1,
        source="walk",
        start_t=3.25,
        asleep_t=66.5,
        switches=1234,
        state="uninterruptible",
        state_flags="TASK_UNINTERRUPTIBLE",
        on_cpu=False,
        killed=("pending", "group"),
        group_exit_code=9,
        oom_victim=True,
        stack=(),
        top=("__schedule+0x2d1", "schedule+0x5e"),
        squashfs=SquashfsCall(66.1, "0xffff888004561200", "fragment", "vda", 123456),
    )
    return [
        replace(kill, t=n / 1000) if n % 2 else replace(state, t=n / 1000, stack=stacks[n % 50])
        for n in range(count)
    ]


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def write(path: Path, events: list[Event]) -> None:
    writer = TraceWriter(path, capacity=1 << 30)
    writer.write_session(SESSION)
    slowest = 0.0
    begun = time.perf_counter()
    for event in events:
        started = time.perf_counter()
        writer.write_event(event)
        slowest = max(slowest, time.perf_counter() - started)
    encoded = time.perf_counter() - begun
    writer.write_end(End(t=1.0, lost=0, findings=0, verdict="clean"))
    assert writer.close(60)
    rate = len(events) / encoded
    print(f"  write_event  {rate:>9,.0f}/s, the slowest {slowest * 1000:.1f} ms")


def read(path: Path) -> None:
    with TraceFile(path) as trace:
        for _ in trace.records():
            pass
        assert not trace.damage


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    events = sample(count)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.ktrace", "a.ktrace.gz"):
            path = Path(folder) / name
            print(name)
            written = seconds(lambda path=path: write(path, events))  # type: ignore[misc]
            decoded = seconds(lambda path=path: read(path))  # type: ignore[misc]
            print(f"  all written  {count / written:>9,.0f}/s, {path.stat().st_size / count:.0f} B")
            print(f"  decode       {count / decoded:>9,.0f}/s")
        lines = (Path(folder) / "a.ktrace").read_text("ascii").splitlines()
    loaded: list[object] = []
    bare_decode = seconds(lambda: loaded.extend(map(json.loads, lines)))
    bare_encode = seconds(lambda: [json.dumps(record) for record in loaded])
    print(f"bare json.dumps {count / bare_encode:>9,.0f}/s")
    print(f"bare json.loads {count / bare_decode:>9,.0f}/s")


if __name__ == "__main__":
    main()

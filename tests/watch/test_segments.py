"""A recording that never ends: segments, each of which reads alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from ktrace.detectors.analysis import Analysis
from ktrace.errors import UsageError
from ktrace.events import Event, Lost, Task
from ktrace.findings import End, Finding, Session, StuckTask
from ktrace.live.options import Options
from ktrace.repeated_looks import LooksLeftOut
from ktrace.trace.reader import TraceFile
from ktrace.watch.segments import Segments
from tests.factories import APP, dead, kill, oom_kill, oom_victim, session, state, walk
from tests.trace.test_writer import Disk
from tests.trace.test_writer import disk as disk

pytestmark = pytest.mark.unit

HOUR, DAY = 3600.0, 86400.0
LONG = Task(500, 500, "hangs")  # from the second hour to the twentieth


def day(t: float = 0.0) -> Iterator[list[Event]]:
    """What a live source gives: every ten seconds a walk, now and then a kill."""
    looks = LooksLeftOut()
    stuck: list[Task] = []
    for second in range(10, int(DAY), 10):
        now = t + second
        events: list[Event] = []
        if second == 2 * HOUR:
            events.append(kill(now - 5, LONG))
            stuck.append(LONG)
        if second == 20 * HOUR:
            events.append(dead(now - 5, LONG))
            stuck.remove(LONG)
        if second % 300 == 0:
            short = Task(1000 + second, 1000 + second, "short")
            events += [kill(now - 4, short), dead(now - 3, short)]
        events += [state(now - 0.001, task, start_t=t) for task in stuck]
        yield looks.walked([*events, walk(now, 0.002)])


class Run:
    """Through the detectors into the segments, as ktrace.live.run does it."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.session = session(command="watch", t=0.0, stuck_after=1.0)
        self.analysis = Analysis(self.session)
        given = Options(command="watch", traces=str(folder), **options)  # type: ignore[arg-type]
        self.segments = Segments(given)
        self.segments.start(self.session)
        self.notes: list[str] = []
        self.findings: list[Finding] = []

    def feed(self, batches: Iterable[list[Event]]) -> None:
        for events in batches:
            for event in events:
                found = self.analysis.feed(event)
                self.findings += found
                self.segments.add(event, found)
            self.segments.step(self.analysis.end, self.notes.append)

    def end(self) -> End:
        return self.segments.end(self.analysis.end(), self.notes.append)


def read_alone(path: Path) -> tuple[Session, list[Finding], End]:
    """What somebody finds who has only this file."""
    with TraceFile(path) as trace:
        analysis = Analysis(trace.session)
        records = list(trace.records())
        found = [f for r in records if isinstance(r, Event) for f in analysis.feed(r)]
        assert not trace.damage
    assert isinstance(records[-1], End)
    return trace.session, found, analysis.end()


def ends(folder: Path) -> list[End]:
    """As they are recorded."""
    found = []
    for path in files(folder):
        with TraceFile(path) as trace:
            found += [record for record in trace.records() if isinstance(record, End)]
    return found


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def test_a_day_in_segments_of_an_hour(tmp_path: Path) -> None:
    run = Run(tmp_path / "traces")
    run.feed(day())
    assert run.end().verdict == "found"
    assert run.notes == []
    segments = [read_alone(path) for path in files(tmp_path / "traces")]
    assert [head.segment for head, _, _ in segments] == [*range(1, 25)]
    for head, found, end in segments:
        hangs = head.t + HOUR > 2 * HOUR - 10 and head.t < 20 * HOUR
        assert {finding.id for finding in found} == ({"stuck-500-0.000000"} if hangs else set())
        assert end.lost == 0
        if hangs:  # since it was killed, not since the segment began
            first = found[0]
            assert isinstance(first, StuckTask)
            assert first.killed.t == 2 * HOUR - 5
            assert first.stack
        assert end.verdict == ("found" if hangs else "inconclusive")  # other probes are missing
    assert found_once(run) == 1
    assert [end.findings for end in ends(tmp_path / "traces")] == [0] + [1] * 19 + [0] * 4


def found_once(run: Run) -> int:
    return sum(finding.status == "open" for finding in run.findings)


def test_the_oldest_go(tmp_path: Path) -> None:
    keep = 100_000
    run = Run(tmp_path, segment_size=20_000, keep=keep)
    run.feed(day())
    run.end()
    sizes = [path.stat().st_size for path in files(tmp_path)]
    assert len(sizes) > 3
    assert sum(sizes[:-1]) <= keep
    first, _, _ = read_alone(files(tmp_path)[0])
    assert first.segment
    assert first.segment > 1
    read_alone(files(tmp_path)[-1])


def test_another_run_goes_on_in_the_folder(tmp_path: Path) -> None:
    foreign = tmp_path / "notes.txt"
    foreign.write_text("mine")
    for _ in range(2):
        run = Run(tmp_path, keep=1)
        run.feed([[walk(10.0)]])
        run.end()
    (segment,) = [path for path in files(tmp_path) if path != foreign]
    read_alone(segment)
    assert foreign.read_text() == "mine"


def test_only_one_at_a_time_and_only_in_a_folder_of_its_own(tmp_path: Path) -> None:
    run = Run(tmp_path)
    with pytest.raises(UsageError, match="another ktrace writes to it"):
        Run(tmp_path)
    run.end()
    tmp_path.chmod(0o777)
    with pytest.raises(UsageError, match="others may write to it"):
        Run(tmp_path)


def test_a_full_disk_stops_nothing(tmp_path: Path, disk: Disk) -> None:
    """And when there is room again, all is there, in the next segment too."""
    run = Run(tmp_path)
    disk.room = 5_000
    batches = day()
    run.feed(next(batches) for _ in range(1000))
    assert not run.analysis.lost
    disk.room = 1 << 40
    run.feed(batches)
    end = run.end()
    assert "recording fails: " in run.notes[0]
    assert not end.why.endswith("the recording is not complete")
    assert len([read_alone(path) for path in files(tmp_path)]) == 24


def test_before_a_finding(tmp_path: Path) -> None:
    """Nothing is written while nothing is found; then the last minute, too."""
    run = Run(tmp_path, before=60.0)
    batches = day()
    run.feed(next(batches) for _ in range(int(2 * HOUR / 10) - 10))
    assert files(tmp_path) == []
    run.feed(batches)
    run.end()
    (path,) = files(tmp_path)[:1]
    head, found, _ = read_alone(path)
    assert 2 * HOUR - 75 <= head.t <= 2 * HOUR - 55
    assert found[0].t <= 2 * HOUR + 20
    # no news for an hour: then nothing is written until there is some
    assert len(files(tmp_path)) == 2
    assert [end.findings for end in ends(tmp_path)] == [1, 0]  # the second tells its end
    last, found, end = read_alone(files(tmp_path)[-1])
    assert found[-1].status == "resolved"
    assert 20 * HOUR + 60 <= end.t <= 20 * HOUR + 90
    assert last.t < end.t


def test_losses_are_of_their_segment(tmp_path: Path) -> None:
    run = Run(tmp_path, segment_age=100.0)
    for t, count in ((10, 3), (20, 5), (150, 9), (300, 9)):
        run.feed([[Lost(t=t, what="task_state", count=count), walk(t + 1.0)]])
    run.end()
    ends = [end for _, _, end in map(read_alone, files(tmp_path))]
    assert [end.lost for end in ends] == [9, 0, 0]
    assert ["lost" in end.why for end in ends] == [True, False, False]


def test_kills_for_want_of_memory_are_in_the_trace(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.feed([[oom_kill(10.0, APP), oom_victim(10.1), walk(11.0)]])
    run.end()
    (path,) = files(tmp_path)
    _, found, _ = read_alone(path)
    assert {finding.finding for finding in found} == {"oom-kill"}

"""From trace files to runs."""

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ktrace.comparison.runs import read_runs, read_sides
from ktrace.errors import UsageError
from ktrace.events import Lost
from ktrace.findings import Probe
from ktrace.trace.format import encode_line
from ktrace.trace.reader import TraceFile
from tests.comparison.runs import bad_page, fixed, hang, head, quick, runs, trace, victim
from tests.factories import kill, state, walk
from tests.trace.samples import write

pytestmark = pytest.mark.unit


def test_a_run(tmp_path: Path) -> None:
    (run,) = runs(tmp_path, "a", [*hang(), bad_page(112.0)])
    assert (len(run.victims), len(run.stuck), run.unseen) == (4, 4, 0)
    assert (run.stuck_in("squashfs_cache_get"), run.stuck_in("submit_bio_wait")) == (3, 1)
    assert (run.duration_s, run.bad_pages, run.doubts) == (20.0, 1, ())
    assert run.names == {"reader": 3, "filler": 1}


def test_another_threshold(tmp_path: Path) -> None:
    path = trace(tmp_path / "a.ktrace", 1, fixed())
    ((run,), _) = read_runs([path], 0.01)
    assert len(run.stuck) == 4
    ((run,), _) = read_runs([path], None)
    assert len(run.stuck) == 1


def test_each_session_of_a_file_is_a_run(tmp_path: Path) -> None:
    path = write(tmp_path / "both.ktrace", [head(1), *hang(), head(2, t=200.0), *quick(victim(20))])
    found, _ = read_runs([str(path)], None)
    assert [len(run.victims) for run in found] == [4, 1]
    assert all(run.doubts for run in found)  # neither has an end


def test_a_directory_is_its_traces(tmp_path: Path) -> None:
    for i in range(3):
        trace(tmp_path / f"{i}.ktrace", i, hang())
    (tmp_path / "notes.txt").write_text("no trace")
    found, _ = read_runs([str(tmp_path)], None)
    assert len(found) == 3


def test_large_ones_are_read_at_once_and_say_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        trace(tmp_path / f"{number}.ktrace", number, hang())
    (tmp_path / "3.ktrace").write_bytes((tmp_path / "0.ktrace").read_bytes())
    one_after_the_other = read_runs([str(tmp_path)], None)
    started = []

    class Pool(ProcessPoolExecutor):
        def __init__(self, jobs: int, **options: Any) -> None:
            started.append(jobs)
            super().__init__(jobs, **options)

    monkeypatch.setattr("ktrace.parallel.ProcessPoolExecutor", Pool)
    monkeypatch.setattr("ktrace.parallel.cpus", lambda: 2)
    monkeypatch.setattr("ktrace.comparison.runs._LARGE", 0)
    assert read_runs([str(tmp_path)], None) == one_after_the_other
    assert read_sides([[str(tmp_path)], [str(tmp_path)]], None) == [one_after_the_other] * 2
    assert started == [2, 2]


def test_an_empty_directory(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no trace"):
        read_runs([str(tmp_path)], None)


def test_a_run_that_comes_twice_counts_once(tmp_path: Path) -> None:
    paths = [trace(tmp_path / name, 1, hang()) for name in ("a.ktrace", "copy.ktrace")]
    found, warnings = read_runs(paths, None)
    assert len(found) == 1
    assert warnings == [f"{paths[1]} has the same run as {paths[0]}: counted once"]


@pytest.mark.parametrize("name", ["ktrace-rest-0.ktrace", "zz.ktrace"])
def test_a_trace_is_read_with_the_rest_that_was_written_elsewhere(
    tmp_path: Path, name: str
) -> None:
    """In a directory it may come first, and others lie between."""
    whole = Path(trace(tmp_path / "m.ktrace", 1, [*hang(), bad_page(112.0)]))
    trace(tmp_path / "n.ktrace", 2, hang())
    lines = whole.read_bytes().splitlines(keepends=True)
    cut = len(lines) // 2
    at = sum(map(len, lines[:cut]))
    with TraceFile(whole) as read:
        begun = replace(read.session, rest_from=at)
    stacks = [line for line in lines[:cut] if line.startswith(b'{"kind":"stack"')]
    rest = [encode_line(begun.to_json()), *stacks, *lines[cut:]]
    (tmp_path / name).write_bytes(b"".join(rest))
    whole.write_bytes(b"".join(lines[:cut]) + b"torn")
    found, warnings = read_runs([str(tmp_path)], None)
    assert [(len(run.stuck), run.doubts) for run in found] == [(4, ()), (4, ())]
    assert {run.bad_pages for run in found} == {1, 0}
    assert warnings == []


def test_what_could_have_been_missed_is_a_doubt(tmp_path: Path) -> None:
    (run,) = runs(tmp_path, "a", [*hang(), Lost(t=118.0, what="fatal_signal", count=3)])
    assert run.doubts == ("3 events lost",)


def test_a_victim_that_had_no_time_to_die_is_a_doubt(tmp_path: Path) -> None:
    events = [*hang(), kill(119.5), state(119.6), walk(119.6005)]
    (run,) = runs(tmp_path, "a", events)
    assert (len(run.victims), len(run.stuck)) == (5, 4)
    assert run.doubts == ("the run ended less than 1 s after 1 kill",)


def test_a_probe_for_something_else_is_no_doubt(tmp_path: Path) -> None:
    probes = tuple(probe for probe in head(1).probes if probe.function != "bad_page")
    (run,) = runs(tmp_path, "a", hang(), command="record", probes=probes)
    assert (run.doubts, run.bad_pages) == ((), None)


def test_bad_pages_are_not_known_where_the_kernel_does_not_check(tmp_path: Path) -> None:
    attached = tuple(probe for probe in head(1).probes if probe.function != "page checks")
    unchecked = Probe("page checks", "", "missing", "off")
    (run,) = runs(tmp_path, "a", hang(), probes=(*attached, unchecked))
    assert (run.doubts, run.bad_pages) == ((), None)
    (run,) = runs(tmp_path, "b", hang(), probes=attached)
    assert run.bad_pages == 0


def test_a_bad_page_from_before_the_run_is_not_of_the_run(tmp_path: Path) -> None:
    (run,) = runs(tmp_path, "a", [bad_page(head(1).t - 50), *hang()])
    assert run.bad_pages == 0

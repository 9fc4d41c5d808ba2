"""Looks in which nothing has changed are left out of events, and put back by the analysis."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ktrace.detectors.analysis import Analysis
from ktrace.events import Event, Task, TaskState, Walk
from ktrace.findings import Finding
from ktrace.repeated_looks import HEARTBEAT_S, LooksLeftOut
from tests.factories import FILLER_STACK, dead, kill, session, state
from tests.trace.samples import read, write

pytestmark = pytest.mark.unit


def looked(t: float, *states: TaskState, complete: bool = True) -> list[Event]:
    """A walk at t that shows these."""
    ended = Walk(t=t + 0.001, started_t=t, complete=complete)
    return [*(replace(one, t=t) for one in states), ended]


def thread(tid: int, **changes: object) -> TaskState:
    return state(0.0, Task(20, tid, "appd"), **changes)


def walks(*each: list[Event]) -> list[Event]:
    source = LooksLeftOut()
    return [event for events in each for event in source.walked(events)]


def kinds(events: list[Event]) -> list[str]:
    return [event.name for event in events]


def test_a_look_that_shows_the_same_is_counted_and_not_told() -> None:
    same = thread(21)
    told = walks(looked(101.0, same), looked(102.0, same), looked(103.0, same))
    assert kinds(told) == ["task_state", "walk", "walk", "walk"]
    assert [event.unchanged for event in told if isinstance(event, Walk)] == [None, 1, 1]


def test_a_change_is_told() -> None:
    told = walks(
        looked(101.0, thread(21), thread(22)), looked(102.0, thread(21, switches=8), thread(22))
    )
    assert told[3:] == [
        replace(thread(21, switches=8), t=102.0),
        Walk(t=102.001, started_t=102.0, complete=True, unchanged=1),
    ]


def test_who_is_gone_is_told() -> None:
    told = walks(looked(101.0, thread(21), thread(22)), looked(102.0, thread(22)))
    assert told[-1] == Walk(t=102.001, started_t=102.0, complete=True, unchanged=1, gone=(21,))


def test_all_is_told_again_now_and_then() -> None:
    source, told = LooksLeftOut(), 0
    for second in range(int(HEARTBEAT_S * 3) + 1):
        told += kinds(source.walked(looked(second + 0.0, thread(21)))).count("task_state")
    assert told == 4


def test_a_walk_that_broke_off_leaves_nothing_out() -> None:
    told = walks(looked(101.0, thread(21)), looked(102.0, thread(21), complete=False))
    assert kinds(told) == ["task_state", "walk"] * 2
    assert isinstance(told[-1], Walk)
    assert told[-1].unchanged is None


def test_missing_records_make_no_walk_that_anybody_trusts() -> None:
    """The death of 21 is not in the trace: whether it lives is not known until all is told."""
    source, analysis = LooksLeftOut(), Analysis(session())
    for event in [kill(100.5), *source.walked(looked(102.0, thread(21), thread(22)))]:
        analysis.feed(event)
    source.passed([dead(102.5, Task(20, 21, "appd"))])
    for event in source.walked(looked(103.0, thread(22))):
        analysis.feed(event)
    assert analysis.incomplete_walks == 1
    assert "1 walk over the tasks broke off" in analysis.end().why
    for event in source.walked(looked(102.0 + HEARTBEAT_S, thread(22))):
        analysis.feed(event)
    (killed,) = analysis.kills.open
    assert list(killed.threads) == [22]


def story(seed: int) -> Iterator[list[Event]]:
    """Threads of killed processes that sleep, wake, die and vanish: events between two walks, and
    those of the second."""
    rng = random.Random(seed)
    alive: dict[int, TaskState] = {}
    t = 100.0
    for pid in range(20, 220, 4):
        t += 1.0
        events: list[Event] = [kill(t - 1.0, Task(pid, pid, "appd"))]
        for tid in range(pid, pid + rng.randrange(1, 4)):
            stack = rng.choice([state(0.0).stack, FILLER_STACK])
            alive[tid] = state(0.0, Task(pid, tid, "appd"), stack=stack, switches=rng.randrange(99))
        for tid in rng.sample([*alive], min(len(alive), rng.randrange(5))):
            at, chance = t - rng.random(), rng.random()
            if chance < 0.5:
                alive[tid] = _otherwise(rng, alive[tid])
                events.append(replace(alive[tid], t=at, source="switch"))
            elif chance < 0.8:
                events.append(dead(at, alive.pop(tid).task))
            else:
                del alive[tid]  # nobody saw it die
        yield sorted(events, key=lambda event: event.t)
        yield looked(t, *alive.values())


def _otherwise(rng: random.Random, known: TaskState) -> TaskState:
    """It has woken, and sleeps again."""
    return replace(
        known,
        switches=known.switches + 1,
        stack=rng.choice([state(0.0).stack, FILLER_STACK]),
        state=rng.choice(["uninterruptible", "uninterruptible", "killable", "zombie"]),
    )


@pytest.mark.parametrize("seed", range(8))
def test_the_findings_are_those_of_all_looks(seed: int, tmp_path: Path) -> None:
    """Live, and read from the trace, as without leaving out."""
    source = LooksLeftOut()
    whole, live = Analysis(session()), Analysis(session())
    recorded: list[Event] = []
    found: tuple[list[Finding], list[Finding]] = [], []
    for number, events in enumerate(story(seed)):
        told = source.walked(events) if number % 2 else source.passed(events)
        recorded += told
        for analysis, part, findings in ((whole, events, found[0]), (live, told, found[1])):
            findings += [finding for event in part for finding in analysis.feed(event)]
    assert found[0] == found[1]
    assert whole.end() == live.end()
    assert len(found[0]) > 30
    assert len(recorded) < whole.events / 2
    path = write(tmp_path / "a.ktrace", [session(), *recorded])
    records, _ = read(path)
    replayed = Analysis(session())
    events = [record for record in records if isinstance(record, Event)]
    assert [finding for event in events for finding in replayed.feed(event)] == found[1]
    assert replayed.end() == live.end()

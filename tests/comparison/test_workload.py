"""What differs between the two sides, and what cannot be claimed because of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from ktrace.comparison.runs import Run
from ktrace.comparison.workload import NO_CLAIM, Claim, Difference, differences
from ktrace.events import Event, FatalSignal, ProbeChange
from ktrace.findings import Probe
from tests.comparison.runs import ALL_PROBES, fixed, hang, quick, runs, victim
from tests.factories import oom_victim

pytestmark = pytest.mark.unit

STUCK = Claim.FEWER_STUCK | Claim.MORE_STUCK
EVERYTHING = STUCK | Claim.FEWER_BAD_PAGES | Claim.MORE_BAD_PAGES
GET = "squashfs_cache_get"


def test_the_same_work_on_another_kernel(tmp_path: Path) -> None:
    before = runs(tmp_path, "before", hang(), hang())
    after = runs(tmp_path, "after", fixed(), kernel="6.1.0-patched")
    assert differences(before, after, GET) == []


@pytest.mark.parametrize(
    ("changes", "rules_out", "text"),
    [
        (
            {"machine": "aarch64"},
            NO_CLAIM,
            "other machines: board (aarch64) and board (x86_64)",
        ),
        (
            {"stuck_after": 2.0},
            STUCK,
            "recorded with --stuck-after 1, 2: give compare a --stuck-after for all runs",
        ),
        (
            {"t": 10.0},
            Claim.FEWER_BAD_PAGES,
            "duration of a run: 110 s in BEFORE, 20 s in AFTER (medians), more than 3 times apart",
        ),
    ],
)
def test_how_before_differs(
    tmp_path: Path, changes: dict[str, object], rules_out: Claim, text: str
) -> None:
    before = runs(tmp_path, "before", hang(), **changes)
    after = runs(tmp_path, "after", hang())
    assert differences(before, after) == [Difference(text, rules_out)]


def test_other_programs_and_fewer_kills(tmp_path: Path) -> None:
    before = runs(tmp_path, "before", hang())
    after = runs(tmp_path, "after", quick(victim(5, "sleep")))
    assert differences(before, after) == [
        Difference(
            "different programs were killed: 3 reader, 1 filler in BEFORE, 1 sleep in AFTER "
            "(0% of the kills have the same names)",
            EVERYTHING,
        ),
        Difference(
            "kills per run: 4 in BEFORE, 1 in AFTER (medians), more than 3 times apart",
            Claim.FEWER_STUCK,
        ),
    ]


def test_more_kills_do_not_weaken_a_fix(tmp_path: Path) -> None:
    few = runs(tmp_path, "few", quick(victim(5)))
    many = runs(tmp_path, "many", [one for pid in range(20, 25) for one in quick(victim(pid))])
    (difference,) = differences(few, many)
    assert difference.rules_out == Claim.MORE_STUCK


@pytest.mark.parametrize(("killed_in", "side"), [("before", "AFTER"), ("after", "BEFORE")])
def test_nothing_killed_on_one_side(tmp_path: Path, killed_in: str, side: str) -> None:
    sides = {"before": runs(tmp_path, "a", []), "after": runs(tmp_path, "b", [])}
    sides[killed_in] = runs(tmp_path, "c", hang())
    (difference,) = differences(sides["before"], sides["after"])
    assert difference == Difference(f"{side} killed nothing", STUCK)


def test_nothing_killed_anywhere(tmp_path: Path) -> None:
    assert differences(runs(tmp_path, "a", []), runs(tmp_path, "b", [])) == []


def by_oom(*pids: int) -> list[Event]:
    events: list[Event] = []
    for pid in pids:
        sent, died = quick(victim(pid))
        assert isinstance(sent, FatalSignal)
        events += [replace(sent, si_code=128), oom_victim(101.001, pid), died]
    return sorted(events, key=lambda event: event.t)


def test_oom_kills_against_kills_by_hand(tmp_path: Path) -> None:
    before, after = runs(tmp_path, "a", by_oom(20, 21)), runs(tmp_path, "b", quick(victim(20)))
    assert differences(before, after) == [
        Difference("the OOM killer made 100% of the kills in BEFORE, 0% in AFTER", STUCK)
    ]


def test_who_killed_is_not_compared_where_oom_kills_were_not_traced(tmp_path: Path) -> None:
    probes = tuple(
        Probe(name, "tp_btf", "attached") for name in ALL_PROBES if name != "mark_victim"
    )
    after = runs(tmp_path, "b", quick(victim(20)), probes=probes)
    assert differences(runs(tmp_path, "a", by_oom(20, 21)), after) == []


def with_module(folder: Path, name: str, *states: str) -> list[Run]:
    """A run of the hang, and states of the probe in its module."""
    known = tuple(Probe(probe, "tp_btf", "attached") for probe in ALL_PROBES)
    changes = [
        ProbeChange(t=100.0 + i / 10, function=GET, hook="kprobe", state=state, why="")
        for i, state in enumerate(states[1:], 1)
    ]
    return runs(folder, name, [*changes, *hang()], probes=(*known, Probe(GET, "", states[0])))


@pytest.mark.parametrize(
    ("states", "rules_out", "text"),
    [
        (
            ("waiting",),
            Claim.FEWER_STUCK,
            f"{GET}() could not be reached in 1 of 1 run of AFTER: its module was not loaded",
        ),
        (
            ("missing",),
            NO_CLAIM,
            f"{GET}() had no probe in AFTER: whether it was called is not known",
        ),
    ],
)
def test_a_function_that_could_not_be_reached(
    tmp_path: Path, states: tuple[str, ...], rules_out: Claim, text: str
) -> None:
    before = with_module(tmp_path, "before", "waiting", "attached", "waiting")
    after = with_module(tmp_path, "after", *states)
    assert differences(before, after, GET) == [Difference(text, rules_out)]
    assert differences(before, after, "do_exit") == []


def test_a_module_that_was_loaded_and_unloaded_was_there(tmp_path: Path) -> None:
    before = with_module(tmp_path, "before", "attached")
    after = with_module(tmp_path, "after", "waiting", "attached", "waiting")
    assert differences(before, after, GET) == []


def test_mixed_kernels(tmp_path: Path) -> None:
    before = runs(tmp_path, "a", hang()) + runs(tmp_path, "b", hang(), kernel="6.2")
    (difference,) = differences(before, runs(tmp_path, "after", hang()))
    assert difference == Difference("BEFORE mixes kernels: 6.1.0-56-cloud-amd64, 6.2")


def test_the_same_run_on_both_sides(tmp_path: Path) -> None:
    before = runs(tmp_path, "a", hang())
    (difference,) = differences(before, before)
    assert difference.text == f"the same run is on both sides: {before[0].file}"
    assert difference.rules_out == EVERYTHING

"""What one side adds up to."""

from pathlib import Path

import pytest

from ktrace.comparison.summary import sum_up
from ktrace.findings import Probe
from tests.comparison.runs import fixed, hang, quick, runs, stuck, victim
from tests.factories import asked, kill, oom_kill, state, walk

pytestmark = pytest.mark.unit


def test_times_and_places(tmp_path: Path) -> None:
    side = sum_up(runs(tmp_path, "a", hang(), fixed()))
    assert (side.runs, side.kills, side.stuck) == (2, 8, 5)
    assert side.times is not None
    assert (side.times.median_s, side.times.max_s, side.times.at_least) == (10.0, 10.0, 0)
    assert [(place.function, place.primitive, place.stuck) for place in side.places] == [
        ("squashfs_cache_get", "wait_event", 3),
        ("submit_bio_wait", "wait_for_completion", 2),
    ]


def test_signals_that_victims_die_by(tmp_path: Path) -> None:
    events = [*quick(victim(20), exit_code=7 | 0x80), *quick(victim(21), 102.0)]
    events += [kill(103.0, victim(22)), state(104.0, victim(22)), walk(104.0005)]
    side = sum_up(runs(tmp_path, "a", events))
    assert side.died_by == {"7": 1, "9": 1, "alive": 1}
    assert side.times is not None
    assert side.times.at_least == 1


def test_kills_by_the_oom_killer(tmp_path: Path) -> None:
    events = [oom_kill(100.9, victim(20)), kill(101.0, victim(20), si_code=128), *quick(victim(21))]
    side = sum_up(runs(tmp_path, "a", [*events, *stuck(victim(20), 101.0)[1:]]))
    assert (side.kills, side.kills_by_oom, side.oom_kills) == (2, 1, 1)


def test_no_kills(tmp_path: Path) -> None:
    side = sum_up(runs(tmp_path, "a", []))
    assert (side.times, side.places, side.invocations_per_kill) == (None, (), None)


def test_what_no_probe_measured_is_none_not_zero(tmp_path: Path) -> None:
    probes = tuple(Probe(name, "tp_btf", "attached") for name in ("signal_generate", "task"))
    side = sum_up(runs(tmp_path, "a", hang(), probes=probes))
    assert (side.oom_invocations, side.oom_kills, side.kills_by_oom) == (None, None, None)
    assert (side.bad_pages, side.invocations_per_kill) == (None, None)


def test_a_run_that_did_not_measure_does_not_hide_what_others_did(tmp_path: Path) -> None:
    probes = (Probe("out_of_memory", "", "missing", "no kprobes"),)
    side = sum_up(
        [
            *runs(tmp_path, "a", [asked(101.0), asked(102.0)]),
            *runs(tmp_path, "b", [], probes=probes),
        ]
    )
    assert side.oom_invocations == 2

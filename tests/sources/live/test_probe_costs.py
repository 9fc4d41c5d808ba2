"""The kernel's statistics are on for a second in ten, and summed."""

from __future__ import annotations

import pytest

from ktrace.events import ProbeCost
from ktrace.kernel.bpf_stats import ProgramCost, Reading
from ktrace.sources.live import probe_costs
from ktrace.sources.live.probe_costs import ProbeCosts

pytestmark = pytest.mark.unit

GET = {"squashfs_cache_get": 7}


class Stats:
    """Stands for BpfStats: ten runs of 500 ns of each program, in a second."""

    on = 0
    why_not = ""
    runs = 10

    def __init__(self, programs: dict[int, str]) -> None:
        self._names = programs.values()
        Stats.on += 1

    def read(self) -> Reading:
        costs = tuple(ProgramCost(name, Stats.runs, 500 * Stats.runs) for name in self._names)
        return Reading(1.0, 0.0, costs, Stats.why_not)

    def close(self) -> None:
        Stats.on -= 1


@pytest.fixture(autouse=True)
def stats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_costs, "BpfStats", Stats)
    monkeypatch.setattr(Stats, "on", 0)


def test_they_are_on_for_a_second_in_ten() -> None:
    costs = ProbeCosts()
    on = []
    for second in range(21):
        costs.read(100.0 + second, GET, busy=True)
        on.append(Stats.on)
    assert [second for second, counting in enumerate(on) if counting] == [0, 10, 20]
    assert costs.over_s == 2.0
    costs.close()
    assert Stats.on == 0


def test_nothing_is_switched_on_while_nothing_is_called() -> None:
    costs = ProbeCosts()
    for second in range(20):
        costs.read(100.0 + second, GET, busy=False)
        assert Stats.on == 0


def test_what_was_counted_is_summed() -> None:
    costs = ProbeCosts()
    found = [costs.read(100.0 + second, GET, busy=True) for second in range(21)]
    assert found[0] == ()
    assert found[1] == (ProbeCost("squashfs_cache_get", 10, 5000),)
    assert found[20] == (ProbeCost("squashfs_cache_get", 20, 10000),)


def test_where_nothing_was_called_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stats, "runs", 0)
    costs = ProbeCosts()
    on = []
    for second in range(5):
        costs.read(100.0 + second, GET, busy=True)
        on.append(Stats.on)
    assert on == [1, 0, 1, 0, 1]


def test_programs_that_changed_meanwhile_are_not_counted() -> None:
    costs = ProbeCosts()
    programs = [{}, GET, {}, *[GET] * 9]
    for second, loaded in enumerate(programs):
        found = costs.read(100.0 + second, loaded, busy=True)
    assert (found, costs.over_s, Stats.on) == ((), 0.0, 1)


def test_why_nothing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stats, "why_not", "switch statistics on: Operation not permitted")
    costs = ProbeCosts()
    found = [costs.read(100.0 + second, GET, busy=True) for second in range(4)]
    assert found[-1] == ()
    assert costs.why_not == "switch statistics on: Operation not permitted"

"""What the steps of a scenario wait for."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ktrace.lab import scenario
from ktrace.lab.scenario import Stage

pytestmark = pytest.mark.unit


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """With a trace that gets a line at each tenth of a second of a clock of its own."""
    trace = tmp_path / "trace"
    trace.write_bytes(b"")
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        trace.write_bytes(trace.read_bytes() + b"line\n")

    clock = SimpleNamespace(monotonic=lambda: now, sleep=sleep)
    monkeypatch.setattr(scenario, "time", clock)
    guest = SimpleNamespace(machine=SimpleNamespace(trace=trace))
    return Stage(cast(Any, guest))


def lines(stage: Stage) -> int:
    return stage.guest.machine.trace.read_bytes().count(b"line")


def test_at_least_that_long_even_if_it_is_enough(stage: Stage) -> None:
    assert stage.give_time(2.0, lambda _: True, 5.0)
    assert lines(stage) == pytest.approx(20, abs=1)


def test_until_it_is_enough(stage: Stage) -> None:
    assert stage.give_time(2.0, lambda trace: trace.count(b"line") >= 40, 5.0)
    assert lines(stage) == 40


def test_never_enough_ends_too(stage: Stage) -> None:
    assert not stage.give_time(2.0, lambda _: False, 5.0)
    assert lines(stage) == pytest.approx(70, abs=1)

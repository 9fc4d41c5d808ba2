"""One wait for the buffer of events, keys and the kernel's news."""

import os
from collections.abc import Iterator

import pytest

from ktrace.probes.wake_up import WakeUp

pytestmark = pytest.mark.unit

Pipe = tuple[int, int]


@pytest.fixture
def pipes() -> Iterator[tuple[Pipe, Pipe]]:
    made = os.pipe(), os.pipe()
    yield made
    for fd in (*made[0], *made[1]):
        try:
            os.close(fd)
        except OSError:
            pass


def asked_ms(monkeypatch: pytest.MonkeyPatch, wake: WakeUp, timeout_s: float) -> float:
    """What is asked of the kernel."""
    asked: list[float] = []

    class Poll:
        def poll(self, timeout_ms: float) -> list[tuple[int, int]]:
            asked.append(timeout_ms)
            return []

    monkeypatch.setattr(wake, "_poll", Poll())
    wake.wait(timeout_s)
    return asked[0]


def test_waits_for_the_rest_of_a_millisecond(
    monkeypatch: pytest.MonkeyPatch, pipes: tuple[Pipe, Pipe]
) -> None:
    """A timeout of 0 for it had ktrace ask dozens of times, five times a second. poll() of Python
    rounds up."""
    wake = WakeUp(pipes[0][0])
    assert 0 < asked_ms(monkeypatch, wake, 0.0004) < 1
    assert asked_ms(monkeypatch, wake, -1.0) == 0


@pytest.mark.parametrize("which", [0, 1])
def test_wakes_up_for_each(pipes: tuple[Pipe, Pipe], which: int) -> None:
    wake = WakeUp(pipes[0][0])
    wake.add(pipes[1][0])
    os.write(pipes[which][1], b"x")
    wake.wait(600)


def test_one_that_has_gone_away_does_not_wake_it_up_again(pipes: tuple[Pipe, Pipe]) -> None:
    wake = WakeUp(pipes[0][0])
    wake.add(pipes[1][0])
    os.close(pipes[1][1])
    wake.wait(600)
    os.write(pipes[0][1], b"x")
    assert wake._poll.poll(0) == [(pipes[0][0], 1)]

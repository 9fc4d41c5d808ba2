"""What keys do with the time of a replay."""

import pytest

from ktrace.replay.player import ReplayPlayer

pytestmark = pytest.mark.unit


def player(now: float = 120.0) -> ReplayPlayer:
    made = ReplayPlayer(100.0, 1.0)
    made.goes_on(now)
    return made


def test_space_stops_and_goes_on() -> None:
    made = player()
    assert made.press("space")
    assert made.paused
    assert made.status() == "paused"
    made.press("space")
    assert not made.paused


def test_speed() -> None:
    made = player()
    for key in "++-+":
        made.press(key)
    assert made.status() == "4x"
    for _ in range(30):
        made.press("-")
    assert made.speed > 0


def test_right_skips() -> None:
    made = player()
    made.press("right")
    assert made.skips(130.0)
    assert not made.skips(130.1)


def test_left_goes_back_but_not_before_the_start() -> None:
    made = player()
    made.press("left")
    assert made.back_to == 110.0
    made.rewound()
    assert made.back_to is None
    assert made.skips(110.0)
    assert not made.skips(110.1)
    early = player(104.0)
    early.press("left")
    assert early.back_to == 100.0


def test_to_the_next_finding_and_there_it_stops() -> None:
    made = player()
    made.found()
    assert not made.paused
    made.press("n")
    assert made.skips(1e9)
    made.found()
    assert made.paused
    assert not made.skips(121.0)


def test_from_the_end_back_it_plays_again() -> None:
    made = player()
    made.at_end = made.paused = True
    made.press("left")
    made.rewound()
    assert not made.paused
    assert made.status() == "1x"


def test_other_keys_are_for_others() -> None:
    made = player()
    assert not made.press("q")
    assert made.touched

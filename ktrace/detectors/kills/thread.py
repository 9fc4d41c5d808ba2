"""A killed thread, where it was, and for how long."""

from dataclasses import dataclass, field
from typing import NamedTuple

from ktrace.detectors.waits import wait_of
from ktrace.events import TaskState

_PLACES_KEPT = 64  # of a thread or kill: the longest ones


class Place(NamedTuple):
    """Where a killed thread was. Function "" where its stack is not known."""

    function: str
    primitive: str  # of the wait; else the state in angle brackets: "<exiting>", "<running>"


@dataclass(slots=True)
class KilledThread:
    """A killed thread that was seen alive."""

    sample: TaskState  # the newest look
    first_t: float
    spent: dict[Place, float] = field(default_factory=dict)  # seconds
    place: Place = field(init=False)  # at the newest look

    def __post_init__(self) -> None:
        self.look(self.sample)

    def look(self, sample: TaskState) -> None:
        """Again."""
        self.sample = sample
        self.place = place_of(sample)

    def longest(self, t: float) -> Place:
        """Where it has been for the longest time, t being now, or when it ended."""
        spent = dict(self.spent)
        spend(spent, self.place, t - self.sample.t)
        return longest(spent) or self.place


def place_of(sample: TaskState) -> Place:
    """Where a thread is at this look."""
    wait = wait_of(sample)
    if wait is None or sample.state == "exiting":
        return Place(wait.function if wait else "", f"<{sample.state}>")
    return Place(wait.function, wait.primitive)


def spend(spent: dict[Place, float], place: Place, seconds: float) -> None:
    """Add the seconds that it was there."""
    spent[place] = spent.get(place, 0.0) + (seconds if seconds > 0.0 else 0.0)
    if len(spent) > _PLACES_KEPT:
        del spent[min(spent, key=lambda known: (known == place, spent[known]))]


def longest(spent: dict[Place, float]) -> Place | None:
    """Where most of the time was spent; None for nowhere."""
    return max(sorted(spent), key=lambda place: spent[place], default=None)

"""What a live run is told of the time before it, and keeps for the time after."""

from collections.abc import Callable, Iterable
from typing import Protocol

from ktrace.events import Event
from ktrace.findings import Session


class Earlier(Protocol):
    """What a line of ktrace/problems.py may name as `before`; made with the path of --state, or
    None. Raises UsageError where that file is of no use."""

    def events(self, session: Session) -> Iterable[Event]:
        """From before the session, told at its start."""

    def add(self, event: Event) -> None:
        """An event of the session."""

    def confine(self, call: Callable[[], object]) -> None:
        """Have each thread that it has started call this: threads have their own privileges."""

    def close(self) -> str:
        """Why not all is kept; "" if all is."""

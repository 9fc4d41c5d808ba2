"""What a command shows a run through."""

from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from ktrace.detectors.analysis import Analysis
    from ktrace.events import Event
    from ktrace.findings import End, Finding


class Player(Protocol):
    """Of a replay: what keys can do with its time."""

    def press(self, key: str) -> bool:
        """False where the key is none of its own."""

    def status(self) -> str:
        """ "2x", "paused"."""


class View(Protocol):
    """Called in this order: start, then event and tick as things happen, then end."""

    @property
    def wake_fd(self) -> int | None:
        """Keys come from it, which tick() reads; None: it takes none."""

    # where goes what COMMAND prints: "inherited": where ktrace's output goes; "stderr": all of it
    # there, as stdout is JSON; "kept": its end is shown after the screen
    child_output: str

    def start(self, analysis: "Analysis") -> None: ...

    def event(self, event: "Event | None", findings: "list[Finding]") -> None:
        """analysis.changes tells what event has changed in the ledger of kills.

        event None: the findings were read from a trace whose events are damaged.
        """

    def tick(self, t: float) -> None:
        """t: now, seconds of CLOCK_BOOTTIME (of the trace's clock in a replay)."""

    def note(self, text: str) -> None:
        """Something about ktrace itself that the user should know."""

    def end(self, end: "End") -> None: ...

    def close(self) -> None:
        """Give the terminal back, however the run ended; end may not have been called."""


class KeyedView(View, Protocol):
    """A screen that takes keys."""

    def follow(self, player: Player) -> None:
        """The keys of a replay go there."""

    def show(self, analysis: "Analysis") -> None:
        """Draw that from now on."""

    def draw(self, t: float) -> None:
        """Now, however long ago the last time was."""


def keyed(view: View) -> KeyedView | None:
    """The view, where keys come to it."""
    return cast(KeyedView, view) if getattr(view, "wake_fd", None) is not None else None

"""What the module of a problem's view has."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ktrace.detectors.analysis import Analysis
from ktrace.findings import Finding

if TYPE_CHECKING:
    from rich.console import RenderableType

Told = Mapping[str, Sequence[Finding]]  # findings by id, each as it was told: the newest last


class Body(Protocol):
    """What the screen shows between header and footer."""

    def lines(
        self, analysis: Analysis, t: float, width: int, height: int
    ) -> "list[RenderableType]":
        """At most `height` lines, `width` wide, for the time t."""


class FindingView(Protocol):
    """A module with these functions. ktrace.views.output makes safe what they give."""

    def line(self, finding: Any) -> str:
        """A change of a finding, in one line."""

    def details(self, finding: Any) -> list[str]:
        """What else to say of a new finding."""

    def prose(self, finding: Any) -> dict[str, list[str]]:
        """What JSON says of it in words, beside its data."""


class ProblemView(FindingView, Protocol):
    """The same of a problem that can be found while tracing."""

    def body(self) -> Body:
        """Of the screen; rich is imported no sooner than here."""

    def report(self, analysis: Analysis, told: Told) -> list[str]:
        """The section of the report; nothing where nothing was found, which the summary tells."""

    def summary(self, analysis: Analysis, brief: bool) -> list[str]:
        """At the end of a run: what was found; else what was watched, and for how long. brief: each
        finding has just been told in full."""

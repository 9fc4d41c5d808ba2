"""What all findings have in common."""

from typing import ClassVar

from ktrace.record import record


@record(kw_only=True)
class Finding:
    """A conclusion, as it is at time t."""

    finding: ClassVar[str]  # its name in JSON
    sums_up: ClassVar[bool] = False  # all events so far: of a whole log, only the last state counts
    status: str  # open, update, resolved
    id: str
    t: float

    @property
    def signature(self) -> str:
        """By what it is known again: see ktrace.findings.signature."""
        return self.finding

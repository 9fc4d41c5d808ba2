"""Calls and their results, of a domain and of a caller."""

from dataclasses import dataclass, field

RESULTS = ("killed", "nobody", "waits", "other")


@dataclass(slots=True)
class Counts:
    """Calls so far, by their results."""

    calls: int = 0
    results: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RESULTS, 0))

    def since(self, before: "Counts") -> "Counts":
        results = {name: self.results[name] - before.results[name] for name in RESULTS}
        return Counts(self.calls - before.calls, results)

    @property
    def judged(self) -> int:
        """Calls of which the result is known."""
        return sum(self.results.values())


@dataclass(slots=True)
class Run:
    """A caller that has called in every second."""

    since: float
    calls: int  # since then
    counted: int  # the kernel's count for it, which begins anew when it had to make room

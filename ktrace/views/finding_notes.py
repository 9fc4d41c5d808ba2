"""What other files add to a finding: known bugs, source lines."""

from typing import Any

from ktrace.findings import Finding
from ktrace.kernel.source_lines import SourceLines
from ktrace.known_bugs import Catalogue
from ktrace.views import known_text
from ktrace.views.safe_text import safe

_FRAMES = 8


class FindingNotes:
    """The catalogue, and the kernel's debug information if there is any."""

    def __init__(self, known: Catalogue | None = None, source: SourceLines | None = None) -> None:
        self._known = known or Catalogue()
        self._source = source
        self.kernel = ""  # of findings that do not say theirs

    def lines(self, finding: Finding) -> list[str]:
        """ "do_exit+0x6b: do_exit at kernel/exit.c:871", "known bug: ..."."""
        frames = [
            f"{safe(frame)}: {safe(' < '.join(places))}"
            for frame, places in self._places(finding)
            if places
        ]
        return frames[:_FRAMES] + [
            known_text.line(known) for known in self._known.of(finding, self.kernel)
        ]

    def json(self, finding: Finding) -> dict[str, Any]:
        """Members of the finding's JSON."""
        found: dict[str, Any] = {}
        if known := [known_text.as_json(known) for known in self._known.of(finding, self.kernel)]:
            found["known"] = known
        places = [
            {"frame": frame, "places": list(places)}
            for frame, places in self._places(finding)
            if places
        ]
        return found | ({"source": places} if places else {})

    def _places(self, finding: Finding) -> list[tuple[str, tuple[str, ...]]]:
        stack = getattr(finding, "stack", ())
        kernel = getattr(finding, "kernel", "")
        return self._source.of(stack, kernel) if self._source and stack else []

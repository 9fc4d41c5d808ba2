"""The bad pages of a run, for a mailing list: the verdicts first, then each page."""

from ktrace.findings import BadPageFinding, Finding, PageCorruption, RamCell, Session
from ktrace.plural import count
from ktrace.views import words
from ktrace.views.bad_page_text import detail_lines, finding_line, trigger_text
from ktrace.views.fit import fit
from ktrace.views.safe_text import safe

_PAGES_SHOWN = 20


class BadPageReport:
    """Collects while events pass."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._pages: list[BadPageFinding] = []
        self._more = 0
        self._verdicts: dict[str, RamCell | PageCorruption] = {}

    def add(self, finding: Finding) -> None:
        """Findings of other kinds are not this report's."""
        if isinstance(finding, RamCell | PageCorruption):
            self._verdicts[finding.id] = finding
        elif isinstance(finding, BadPageFinding) and len(self._pages) < _PAGES_SHOWN:
            self._pages.append(finding)
        elif isinstance(finding, BadPageFinding):
            self._more += 1

    def lines(self) -> list[str]:
        """Nothing where no page was bad."""
        lines: list[str] = []
        for verdict in self._verdicts.values():
            if verdict.status != "resolved":
                lines += [*fit(finding_line(verdict)), *_indented(detail_lines(verdict)), ""]
        for page in self._pages:
            lines += [*fit(finding_line(page)), *_indented(self._page(page)), ""]
        if self._more:
            lines += [f"and {count(self._more, 'more bad page')}", ""]
        return lines

    def _page(self, page: BadPageFinding) -> list[str]:
        lines = [f"boot {safe(page.boot)}, Linux {safe(page.kernel or '?')}{self._when(page)}"]
        lines.append(detail_lines(page)[0])
        lines += [f"failed: {trigger_text(trigger)}" for trigger in page.triggered]
        if page.reason:
            lines.append(f"the kernel's reason: {safe(page.reason)}")
        return [*lines, *(f"  {safe(frame)}" for frame in page.stack)]

    def _when(self, page: BadPageFinding) -> str:
        """Of a page of another boot only that boot's clock could tell."""
        same = page.boot == self._session.boot_id
        return f", at {words.moment(self._session, page.t)}" if same else ""


def _indented(lines: list[str]) -> list[str]:
    return [part for line in lines for part in fit(f"  {line}")]

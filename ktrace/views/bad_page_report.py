"""The part of a report that is about bad pages."""

from ktrace.detectors.analysis import Analysis
from ktrace.findings import BadPageFinding
from ktrace.views.bad_page_text import detail_lines, finding_line
from ktrace.views.safe_text import safe

_SHOWN = 20


def bad_page_lines(analysis: Analysis) -> list[str]:
    """Each page with its stack, the verdicts last; nothing when no page was bad and the run was
    about something else."""
    pages = analysis.bad_pages
    if not pages.total:
        return ["No bad page was reported.", ""] if analysis.session.command == "bad-page" else []
    lines = [f"{pages.total} bad pages:"]
    shown = list(pages.recent)[-_SHOWN:]
    if pages.total > len(shown):
        lines.append(f"  (the last {len(shown)})")
    for finding in shown:
        lines += _page(finding, finding.t - analysis.session.t)
    for verdict in pages.current:
        lines += ["", finding_line(verdict), *(f"  {line}" for line in detail_lines(verdict))]
    return [*lines, ""]


def _page(finding: BadPageFinding, after: float) -> list[str]:
    state = detail_lines(finding)[0]
    return [
        f"  {after:8.3f}s {finding_line(finding)}",
        f"            {state}",
        f"            the kernel's reason: {safe(finding.reason or 'not told')}",
        *(f"    {safe(frame)}" for frame in finding.stack),
    ]

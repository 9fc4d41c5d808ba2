"""How the views show bad pages and what explains them."""

from typing import TYPE_CHECKING

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.bad_page import BadPages
from ktrace.findings import BadPageFinding, PageCorruption, RamCell
from ktrace.views import words
from ktrace.views.bad_page_count import none_found
from ktrace.views.bad_page_reasons import next_steps, reasons
from ktrace.views.bad_page_report import BadPageReport
from ktrace.views.bad_page_text import detail_lines as details
from ktrace.views.bad_page_text import finding_line as line

if TYPE_CHECKING:
    from ktrace.views.problem_view import Body, Told

__all__ = ["body", "details", "line", "prose", "report", "summary"]


def prose(finding: BadPageFinding | RamCell | PageCorruption) -> dict[str, list[str]]:
    """Why, and what to do next."""
    if isinstance(finding, BadPageFinding):
        return {}
    return {"reasoning": reasons(finding), "advice": next_steps(finding)}


def body() -> "Body":
    from ktrace.views.screen_bad_page import BadPageBody

    return BadPageBody()


def report(analysis: Analysis, told: "Told") -> list[str]:
    section = BadPageReport(analysis.session)
    for versions in told.values():
        section.add(versions[-1])
    for verdict in analysis.of(BadPages).current():  # with all that was counted since it was told
        section.add(verdict)
    return section.lines()


def summary(analysis: Analysis, brief: bool) -> list[str]:
    pages = analysis.of(BadPages)
    if not pages.total:
        return [none_found(analysis)]
    verdicts = () if brief else pages.current()
    return [words.count(pages.total, "bad page"), *map(line, verdicts)]

"""How the views show OOM livelocks."""

from typing import TYPE_CHECKING

from ktrace.detectors.analysis import Analysis
from ktrace.findings import OomLivelock
from ktrace.views.livelock_summary import section, summary
from ktrace.views.livelock_text import details, line

if TYPE_CHECKING:
    from ktrace.views.problem_view import Body, Told

__all__ = ["body", "details", "line", "prose", "report", "summary"]


def prose(finding: OomLivelock) -> dict[str, list[str]]:
    return {}


def body() -> "Body":
    from ktrace.views.screen_oom_livelock import OomLivelockBody

    return OomLivelockBody()


def report(analysis: Analysis, told: "Told") -> list[str]:
    found = {
        name: [finding for finding in versions if isinstance(finding, OomLivelock)]
        for name, versions in told.items()
    }
    return section(analysis, found)

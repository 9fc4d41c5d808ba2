"""That no bad page was found, and what that means."""

from ktrace.detectors.analysis import Analysis
from ktrace.findings import BadPageFinding
from ktrace.problems import problem_of
from ktrace.views import words


def not_measured(analysis: Analysis) -> str:
    """Why finding none means nothing; "" where it means that there was none."""
    problem = problem_of(BadPageFinding.finding)
    if problem is None or analysis.watched(problem):
        return ""
    if analysis.measured("bad_page"):
        return "not measured (the kernel's page checks)"
    return "not measured (no probe on bad_page())"


def none_found(analysis: Analysis) -> str:
    """ "No bad page in 50.9s"."""
    missing = not_measured(analysis)
    if missing:
        return f"Bad pages {missing}"
    return f"No bad page in {words.watched(analysis.session, analysis.t)}"

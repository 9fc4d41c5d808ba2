"""Findings as plain text: a line for each change, and the details when it is new."""

from ktrace.findings import Finding
from ktrace.problems import problem_of
from ktrace.views.problem_view import ProblemView


def finding_line(finding: Finding) -> str:
    """One line for a change of a finding."""
    return view_of(finding).line(finding)


def detail_lines(finding: Finding) -> list[str]:
    """What else to say of a new finding."""
    return view_of(finding).details(finding)


def prose(finding: Finding) -> dict[str, list[str]]:
    """What JSON says of it in words, beside its data."""
    return view_of(finding).prose(finding)


def view_of(finding: Finding) -> ProblemView:
    """The view of the problem that it is a finding of."""
    problem = problem_of(finding.finding)
    assert problem is not None, finding.finding
    return problem.view_module()

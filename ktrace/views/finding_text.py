"""Findings as plain text: a line for each change, and the details when it is new."""

from ktrace.findings import AlarmFinding, Finding, HungTask, OomLivelock, StuckTask
from ktrace.views import alarm_text, bad_page_text, hung_text, livelock_text, words
from ktrace.views.safe_text import safe


def finding_line(finding: Finding) -> str:
    """One line for a change of a finding."""
    if isinstance(finding, StuckTask):
        return _stuck_line(finding)
    if isinstance(finding, OomLivelock):
        return livelock_text.line(finding)
    if isinstance(finding, HungTask):
        return hung_text.line(finding)
    if isinstance(finding, AlarmFinding):
        return alarm_text.line(finding)
    return bad_page_text.finding_line(finding)


def detail_lines(finding: Finding) -> list[str]:
    """What else to say of a new finding."""
    if isinstance(finding, StuckTask):
        return _stuck_details(finding)
    if isinstance(finding, OomLivelock):
        return livelock_text.details(finding)
    if isinstance(finding, HungTask):
        return hung_text.details(finding)
    if isinstance(finding, AlarmFinding):
        return alarm_text.details(finding)
    return bad_page_text.detail_lines(finding)


def _stuck_line(finding: StuckTask) -> str:
    name = words.task_name(finding.comm, finding.pid, finding.tid)
    if finding.status == "resolved":
        return f"resolved: {name} {words.outcome(finding)}"
    where = f" in {words.waits_in(finding)}, {words.primitive(finding)}" if finding.wait else ""
    lead = "STUCK" if finding.status == "open" else "still stuck"
    age = words.stuck_for(finding, finding.stuck_s)
    return f"{lead}: {name} {finding.state}{where} for {age}; {words.killed_by(finding.killed)}"


def _stuck_details(finding: StuckTask) -> list[str]:
    """The stack in a line, who blocks it."""
    lines = []
    if finding.stack:
        lines.append(" < ".join(safe(frame) for frame in finding.stack[:8]))
    return lines + words.blocked_by(finding)

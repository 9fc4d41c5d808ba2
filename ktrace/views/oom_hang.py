"""How the views show tasks that are stuck after SIGKILL."""

from typing import TYPE_CHECKING

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.stuck import StuckTasks
from ktrace.findings import StuckTask
from ktrace.views import words
from ktrace.views.oom_counts import oom_kills
from ktrace.views.roots import first_line
from ktrace.views.safe_text import safe
from ktrace.views.stuck_report import none_found, section
from ktrace.views.wait_chain import chain_lines

if TYPE_CHECKING:
    from ktrace.views.problem_view import Body, Told


def line(finding: StuckTask) -> str:
    """ "STUCK: appd[20] uninterruptible in squashfs_cache_get, wait_event for 1.9s; killed by"."""
    name = words.task_name(finding.comm, finding.pid, finding.tid)
    if finding.status == "resolved":
        return f"resolved: {name} {words.outcome(finding)}"
    where = f" in {words.waits_in(finding)}, {words.primitive(finding)}" if finding.wait else ""
    lead = "STUCK" if finding.status == "open" else "still stuck"
    if finding.slow:
        lead = "SLOW" if finding.status == "open" else "still slow"
    age = words.stuck_for(finding, finding.stuck_s)
    return f"{lead}: {name} {finding.state}{where} for {age}; {words.killed_by(finding.killed)}"


def details(finding: StuckTask) -> list[str]:
    """A deadlock or the end of its chain, the stack in a line, who blocks it."""
    lines = [*first_line(finding), *filter(None, [words.belongs_to(finding)])]
    if finding.stack:
        lines.append(" < ".join(safe(frame) for frame in finding.stack[:8]))
    lines += words.possible_stack(finding)
    if finding.state == "exiting":
        lines.append(words.meaning(finding))
    return lines + chain_lines(finding)


def prose(finding: StuckTask) -> dict[str, list[str]]:
    return {}


def body() -> "Body":
    from ktrace.views.screen_oom_hang import OomHangBody

    return OomHangBody()


def report(analysis: Analysis, told: "Told") -> list[str]:
    found = [versions[-1] for versions in told.values()]
    return section(analysis, [finding for finding in found if isinstance(finding, StuckTask)])


def summary(analysis: Analysis, brief: bool) -> list[str]:
    stuck, oom = analysis.of(StuckTasks), oom_kills(analysis)
    lines = [f"{none_found(analysis)}; {oom}"]
    if stuck.total:
        lines = [
            f"{oom}; {words.count(stuck.total, 'thread')} stuck after SIGKILL, "
            f"{len(stuck.open) or 'none'} of them now, the longest {words.seconds(stuck.longest_s)}"
        ]
    if stuck.slow_total:
        lines.append(f"{words.count(stuck.slow_total, 'thread')} slow to die, and not stuck")
    if stuck.zombies:
        zombies = words.count(len(stuck.zombies), "killed thread")
        lines.append(f"{zombies} left as a zombie: dead, not stuck")
    return lines

"""Tasks that are stuck after SIGKILL, for a mailing list: a table, then each stack once."""

from collections.abc import Sequence

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.stuck import StuckTasks
from ktrace.findings import StuckTask
from ktrace.views import words
from ktrace.views.fit import fit, too_wide
from ktrace.views.roots import root_section
from ktrace.views.safe_text import safe
from ktrace.views.text_table import text_table
from ktrace.views.wait_chain import chain_lines

_MAY_GO = (4, 1)  # columns that a narrow terminal has no room for: the primitive, the state
_NOT_MEASURED = "threads stuck after SIGKILL not measured (no probe on task)"


def section(analysis: Analysis, found: Sequence[StuckTask]) -> list[str]:
    """Of the report: found is the newest of each thread."""
    if not found:
        return []
    stuck, t = analysis.of(StuckTasks), analysis.t
    found = [stuck.at_longest(finding, t) for finding in found]
    lines = [
        f"{words.count(len(found), 'thread')} did not die when killed:",
        *_table(found, stuck, t),
    ]
    if any(finding.blocked_by for finding in found):
        lines += ["", *root_section(found, "thread")[:-1]]
    for finding, names in _by_stack(found):
        lines += ["", *_describe(analysis, finding, names)]
    return [*lines, ""]


def _table(found: Sequence[StuckTask], stuck: StuckTasks, t: float) -> list[str]:
    rows: list[tuple[str, ...]] = [("THREAD", "STATE", "STUCK", "WAITS IN", "PRIMITIVE", "END")]
    for finding in found:
        ended = finding.outcome is not None
        age = finding.stuck_s if ended else stuck.age(finding, t)
        rows.append(
            (
                words.task_name(finding.comm, finding.pid, finding.tid),
                finding.state,
                words.stuck_for(finding, age),
                words.waits_in(finding),
                words.primitive(finding),
                words.signal_name(finding.outcome.exit_signal)
                if finding.outcome
                else "still stuck",
            )
        )
    lines = text_table(rows, "  ")
    for column in _MAY_GO:
        if too_wide(lines):
            rows = [(*row[:column], *row[column + 1 :]) for row in rows]
            lines = text_table(rows, "  ")
    return lines


def _by_stack(found: Sequence[StuckTask]) -> list[tuple[StuckTask, list[str]]]:
    """One finding for each stack and killer, with the names of all threads that had them."""
    groups: dict[object, tuple[StuckTask, list[str]]] = {}
    for finding in found:
        killed = finding.killed
        group = (
            finding.state,
            finding.stack,
            killed.by,
            killed.pid,
            killed.why,
            finding.blocked_by,
            finding.cgroup,
        )
        names = groups.setdefault(group, (finding, []))[1]
        names.append(words.task_name(finding.comm, finding.pid, finding.tid))
    return [*groups.values()]


def _describe(analysis: Analysis, finding: StuckTask, names: list[str]) -> list[str]:
    shown = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
    lines = fit(f"{shown}: {words.killed_by(finding.killed)}{_when(analysis, finding, names)}")
    lines += [f"    {safe(frame)}" for frame in finding.stack]
    for line in words.possible_stack(finding):
        lines += fit(f"  {line}")
    for line in (words.meaning(finding), words.belongs_to(finding), *chain_lines(finding)):
        lines += fit(f"  {line}")
    return lines


def none_found(analysis: Analysis) -> str:
    """ "24 processes killed in 50.9s, none stuck after SIGKILL"."""
    killed = f"{kills(analysis)} in {words.watched(analysis.session, analysis.t)}"
    if analysis.counts()["stuck_threads"] is None:
        return f"{killed}; {_NOT_MEASURED}"
    return f"{killed}, none stuck after SIGKILL"


def none_now(analysis: Analysis) -> str:
    """ "none stuck after SIGKILL; 24 processes killed": the screen tells the time elsewhere."""
    unknown = analysis.counts()["stuck_threads"] is None
    return f"{_NOT_MEASURED if unknown else 'none stuck after SIGKILL'}; {kills(analysis)}"


def kills(analysis: Analysis) -> str:
    """ "24 processes killed"."""
    number = analysis.counts()["kills"]
    return "kills not measured" if number is None else f"{words.count(number, 'process')} killed"


def _when(analysis: Analysis, finding: StuckTask, names: list[str]) -> str:
    """ ", at 2.804s (22:58:36Z)"; nothing where it was before tracing started."""
    if finding.killed.t is None:
        return ""
    first = "the first " if len(names) > 1 else ""
    return f", {first}at {words.moment(analysis.session, finding.killed.t)}"

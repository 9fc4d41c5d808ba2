"""The tables of the page: stuck tasks, OOM kills, and everything else that was found."""

from ktrace.detectors.kills import Kill
from ktrace.findings import BlockedTask, StuckTask
from ktrace.views import words
from ktrace.views.finding_text import detail_lines, finding_line
from ktrace.views.formats.document import Chapter
from ktrace.views.formats.html.markup import Element, el
from ktrace.views.formats.html.table import table
from ktrace.views.formats.stuck_time import StuckTime
from ktrace.views.kill_timeline import outcome
from ktrace.views.roots import root

_ROWS = 5000


def tables(chapter: Chapter, times: list[StuckTime]) -> list[Element]:
    """Those that have rows."""
    return [*_stuck(chapter, times), *_kills(chapter), *_others(chapter)]


def _stuck(chapter: Chapter, times: list[StuckTime]) -> list[Element]:
    heads = ("Thread", "State", "Since (s)", "Stuck (s)", "Waits in", "Root", "Killed", "End")
    start = chapter.analysis.session.t
    rows = []
    for one in times[:_ROWS]:
        finding = one.finding
        rows.append(
            (
                (one.name, finding.tid),
                finding.state,
                (f"{one.start_t - start:.3f}", one.start_t),
                (words.seconds(one.seconds), one.seconds),
                el("code", one.function),
                root(finding),
                _killed(finding),
                words.outcome(finding) if isinstance(finding, StuckTask) else "",
            )
        )
    return [table(heads, rows, "Tasks that were stuck")] if rows else []


def _killed(finding: StuckTask | BlockedTask) -> str:
    if isinstance(finding, StuckTask):
        return words.killed_by(finding.killed)
    return "killed" if finding.killed else ""


def _kills(chapter: Chapter) -> list[Element]:
    heads = ("Victim", "At (s)", "Memory", "Invoked by", "Steps", "Outcome")
    start = chapter.analysis.session.t
    rows = [
        (
            (words.name_of(kill.victim), kill.pid),
            (f"{kill.begun_t - start:.3f}", kill.begun_t),
            words.kill_memory(kill),
            words.invoked_by(kill),
            _steps(kill),
            outcome(kill),
        )
        for kill in [*chapter.analysis.kills.oom][:_ROWS]
    ]
    return [table(heads, rows, "OOM kills")] if rows else []


def _steps(kill: Kill) -> str:
    return ", ".join(dict.fromkeys(step.name for step in kill.steps))


def _others(chapter: Chapter) -> list[Element]:
    """Livelocks, bad pages, what explains them, and findings of kinds to come."""
    rows = []
    start = chapter.analysis.session.t
    for versions in [*chapter.all_told().values()][:_ROWS]:
        finding = versions[-1]
        if isinstance(finding, StuckTask | BlockedTask):
            continue
        details = el("details", el("summary", finding_line(finding)))
        details.extend(el("div", line) for line in detail_lines(finding))
        rows.append((finding.finding, (f"{finding.t - start:.3f}", finding.t), details))
    return [table(("Finding", "At (s)", "What"), rows, "Also found")] if rows else []

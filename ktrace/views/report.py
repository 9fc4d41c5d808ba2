"""Findings as text that one would paste into a mail to a kernel list."""

from ktrace.findings import End
from ktrace.problems import PROBLEMS, Problem
from ktrace.views import words
from ktrace.views.collecting import CollectingView
from ktrace.views.fit import fit
from ktrace.views.kill_report import kill_section
from ktrace.views.output import say
from ktrace.views.safe_text import safe
from ktrace.views.summary import probe_count, summary_lines


class ReportView(CollectingView):
    """Prints at the end."""

    def end(self, end: End) -> None:
        lines = [f"==== {safe(self.file)} ===="] if self.file else []
        lines += [*head(self), ""]
        for _, section in sections(self):
            lines += section
        lines += foot(self, end)
        for line in [*lines, ""] if self.file else lines:
            say(line)


def head(run: CollectingView) -> list[str]:
    """What traced what, when, and how."""
    session = run.analysis.session
    return [
        f"ktrace {session.ktrace} {session.command} on {safe(session.host)}",
        f"  kernel   {safe(session.kernel)} {safe(session.machine)}",
        f"  boot     {safe(session.boot_id)}",
        f"  traced   {safe(session.wall)}{_until(run)}",
        f"  probes   {probe_count(run.analysis)}, loader {safe(session.loader)}",
        *(part for text in session.warnings for part in fit(f"  note     {safe(text)}")),
    ]


def sections(run: CollectingView) -> list[tuple[str, list[str]]]:
    """Name and lines of each problem that was found or looked for, and of the OOM kills."""
    found = [(problem.name, _section(run, problem)) for problem in PROBLEMS]
    found.append(("OOM kills", kill_section(run.analysis)))
    return [(name, lines) for name, lines in found if lines]


def foot(run: CollectingView, end: End) -> list[str]:
    """The summary, the verdict last; then notes."""
    more = f"{run.left_out} more findings are left out above"
    lines = [
        *([more] if run.left_out else []),
        *summary_lines(run.analysis, end, brief=True, known=run.known),
        *(f"note: {safe(note)}" for note in run.notes),
    ]
    return [part for line in lines for part in fit(line)]


def _until(run: CollectingView) -> str:
    """ " to 22:13:04Z, for 50.9s"."""
    session, t = run.analysis.session, run.analysis.t
    wall = words.wall_clock(session, t)
    return (f" to {wall}" if wall else "") + f", for {words.watched(session, t)}"


def _section(run: CollectingView, problem: Problem) -> list[str]:
    """Of a problem that the command is not about, what was seen of it."""
    told = {
        name: versions
        for name, versions in run.all_told().items()
        if versions[-1].finding in problem.findings
    }
    if not told and problem not in run.analysis.reported:
        return []
    view = problem.view_module()
    if not hasattr(view, "report"):  # of what only a kernel log tells; a trace may hold anything
        lines = [part for versions in told.values() for part in fit(view.line(versions[-1]))]
        return [*lines, ""] if lines else []
    return view.report(run.analysis, told)

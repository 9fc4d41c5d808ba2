"""ktrace report: what one would paste into a mail to a kernel list."""

from pathlib import Path

import click

from ktrace.errors import ExitCode
from ktrace.replay_run import replay
from ktrace.views.json_lines import JsonLinesView
from ktrace.views.output import filtered
from ktrace.views.report import ReportView
from ktrace.views.view import View


@click.command("report")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path())
@click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@click.option(
    "--redact",
    is_flag=True,
    help="Pseudonyms for tasks, cgroups, hosts and paths; no kernel pointers, no arguments.",
)
def report(files: tuple[str, ...], style: str, redact: bool) -> ExitCode:
    """Print a report of the trace in FILE; several files one after the other.

    Bad pages in earlier files count in the verdict on later ones: a bad cell shows across boots.
    """

    def view(_command: str, file: str) -> View:
        shown = Path(file).name if redact else file
        return JsonLinesView() if style == "json" else ReportView(shown if len(files) > 1 else "")

    if not redact:
        return replay(files, view, 0)
    from ktrace.redaction import Redaction, hide_addresses

    with filtered(hide_addresses):
        return replay(files, view, 0, Redaction().of)

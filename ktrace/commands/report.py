"""ktrace report: what one would paste into a mail to a kernel list."""

import click

from ktrace.errors import ExitCode
from ktrace.replay_run import replay
from ktrace.views.json_lines import JsonLinesView
from ktrace.views.report import ReportView
from ktrace.views.view import View


@click.command("report")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", type=click.Path())
@click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def report(files: tuple[str, ...], style: str) -> ExitCode:
    """Print a report of the trace in FILE; several files one after the other.

    Bad pages in earlier files count in the verdict on later ones: a bad cell shows across boots.
    """

    def view(_command: str, file: str) -> View:
        return JsonLinesView() if style == "json" else ReportView(file if len(files) > 1 else "")

    return replay(files, view, 0)

"""ktrace report: what one would paste into a mail to a kernel list."""

import click

from ktrace.errors import ExitCode
from ktrace.replay_run import replay
from ktrace.views.json_lines import JsonLinesView
from ktrace.views.report import ReportView


@click.command("report")
@click.argument("file", type=click.Path())
@click.option(
    "--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def report(file: str, style: str) -> ExitCode:
    """Sum up the trace in FILE."""
    return replay(file, lambda command: JsonLinesView() if style == "json" else ReportView(), 0)

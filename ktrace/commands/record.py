"""ktrace record: every probe into a trace file, no screen."""

from typing import Any

import click

from ktrace.commands.options import live_options
from ktrace.errors import ExitCode
from ktrace.live_run import Options, run
from ktrace.views.quiet import QuietView


@click.command("record")
@click.option(
    "-o", "--output", "record", type=click.Path(), required=True, metavar="FILE", help="The trace."
)
@live_options
def record(**options: Any) -> ExitCode:
    """Record everything into FILE, for replay and report, on this machine or another one."""
    return run(Options(command="record", **options), QuietView())

"""ktrace oom-livelock: the OOM killer is called again and again, and nothing gets better; live."""

from typing import Any

import click

from ktrace.commands.options import live_options
from ktrace.errors import ExitCode
from ktrace.live_run import Options, run
from ktrace.views.choice import view_for


@click.command("oom-livelock")
@click.option("-o", "--record", type=click.Path(), metavar="FILE", help="Record a trace.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
@live_options
def oom_livelock(as_json: bool, loader: str, **options: Any) -> ExitCode:
    """Show OOM handling that makes no progress: since when, how often, why; and each OOM kill.

    With COMMAND, attach first, run it, and stop when it ends.
    """
    footer = f"recording to {options['record']}" if options["record"] else ""
    view = view_for("oom-livelock", as_json, footer)
    return run(Options(command="oom-livelock", **options), view)

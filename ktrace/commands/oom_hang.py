"""ktrace oom-hang: who does not die after SIGKILL, live."""

from typing import Any

import click

from ktrace.commands.options import live_options
from ktrace.errors import ExitCode
from ktrace.live_run import Options, run
from ktrace.views.choice import view_for


@click.command("oom-hang", context_settings={"ignore_unknown_options": False})
@click.option("-o", "--record", type=click.Path(), metavar="FILE", help="Record a trace.")
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
@live_options
def oom_hang(as_json: bool, **options: Any) -> ExitCode:
    """Show which tasks are stuck after a SIGKILL, why, and who blocks it.

    With COMMAND, attach first, run it, and stop when it ends.
    """
    footer = f"recording to {options['record']}" if options["record"] else ""
    view = view_for("oom-hang", as_json, footer)
    return run(Options(command="oom-hang", **options), view)

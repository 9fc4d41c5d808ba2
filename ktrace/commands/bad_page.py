"""ktrace bad-page: pages in a state that cannot be, live."""

from typing import Any

import click

from ktrace.commands.options import live_options
from ktrace.errors import ExitCode
from ktrace.live_run import Options, run
from ktrace.views.choice import view_for


@click.command("bad-page", context_settings={"ignore_unknown_options": False})
@click.option("-o", "--record", type=click.Path(), metavar="FILE", help="Record a trace.")
@click.option(
    "--state",
    type=click.Path(),
    metavar="FILE",
    help="Keep bad pages over reboots in FILE: the same cell again means bad RAM.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
@live_options
def bad_page(as_json: bool, loader: str, **options: Any) -> ExitCode:
    """Show what triggered each bad page, and whether one cell of RAM explains them.

    With COMMAND, attach first, run it, and stop when it ends.
    """
    footer = f"recording to {options['record']}" if options["record"] else ""
    view = view_for("bad-page", as_json, footer)
    return run(Options(command="bad-page", **options), view)

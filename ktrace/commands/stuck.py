"""ktrace stuck: what is blocked now, once, and what blocks it."""

import click

from ktrace.commands.options import (
    Seconds,
    btf_option,
    filter_options,
    loader_option,
    unwind_option,
)
from ktrace.errors import ExitCode
from ktrace.live.options import Options
from ktrace.task_filter import TaskFilter

_MARGIN_S = 0.25  # for the first look, which comes when tracing has begun


@click.command("stuck")
@click.option(
    "--longer-than",
    type=Seconds(min=0.05),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="Look twice, so far apart: a task counts that was in the same sleep both times.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
@click.option("-o", "--record", type=click.Path(), metavar="FILE", help="Record a trace.")
@click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
@loader_option
@btf_option
@unwind_option
@filter_options
def stuck(
    longer_than: float,
    as_json: bool,
    record: str | None,
    force: bool,
    loader: str,
    task_filter: TaskFilter,
) -> ExitCode:
    """Show every task that is blocked now, with what blocks it, and exit.

    For a machine that hangs: no reproduction and no kill is needed. Listed are tasks that sleep in
    D (uninterruptible or killable), the end of each wait chain first: what to look at, and what
    releases it.
    """
    from ktrace.live.run import run
    from ktrace.views.json_lines import JsonLinesView
    from ktrace.views.report import ReportView

    options = Options(
        command="stuck",
        duration=longer_than + _MARGIN_S,
        stuck_after=longer_than,
        record=record,
        force=force,
        loader=loader,
        filter=task_filter,
        all_waits=True,
    )
    return run(options, JsonLinesView() if as_json else ReportView())

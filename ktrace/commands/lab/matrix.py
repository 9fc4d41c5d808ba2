"""ktrace lab matrix: one scenario on several kernels."""

from pathlib import Path

import click

from ktrace.commands.lab.arch_option import arch_option
from ktrace.commands.lab.scenario_argument import scenario_argument
from ktrace.views.output import say


@click.command("matrix")
@scenario_argument
@click.option(
    "--suite", "suites", multiple=True, help="A Debian suite; can be given several times."
)
@arch_option
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("matrix"),
    show_default=True,
    help="Folder for the traces.",
)
@click.option("--markdown", is_flag=True, help="Print the table as Markdown.")
@click.pass_context
def matrix(
    context: click.Context,
    scenario: str,
    suites: tuple[str, ...],
    arch: str,
    output: Path,
    markdown: bool,
) -> None:
    """Run SCENARIO on the kernels of several Debian suites, and print one table.

    Without --suite: bullseye, bookworm, trixie and sid. The exit code is that of the worst run.
    """
    from ktrace.commands.lab.tell import tell_details
    from ktrace.lab.arch import ARCHES
    from ktrace.lab.errors import LabError
    from ktrace.lab.matrix import SUITES, run_matrix, table
    from ktrace.verdicts import worst_exit

    try:
        rows = run_matrix(scenario, suites or SUITES, ARCHES[arch], output)
    except LabError as error:
        tell_details(error.details)
        raise
    say()
    for line in table(rows, markdown):
        say(line)
    context.exit(worst_exit([row.exit_code for row in rows]))

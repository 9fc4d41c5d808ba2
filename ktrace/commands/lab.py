"""`ktrace lab`: kernel bugs on demand, in a QEMU guest, watched by ktrace."""

from pathlib import Path

import click

from ktrace.errors import UsageError

FILE = click.Path(dir_okay=False, path_type=Path)
EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
EXISTING_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
def lab() -> None:
    """Reproduce kernel bugs in a QEMU guest, with ktrace watching.

    Needs qemu-system-x86, squashfs-tools, e2fsprogs, busybox-static and gcc, but no privilege.
    """


@lab.command("list")
def list_scenarios() -> None:
    """List the scenarios."""
    from ktrace.lab.scenarios import SCENARIOS

    for name, scenario in sorted(SCENARIOS.items()):
        click.echo(f"{name}  {scenario.summary}")


@lab.command("run")
@click.argument("scenario")
@click.option("--screen", is_flag=True, help="Show the screen of the ktrace in the guest.")
@click.option("-o", "--output", type=FILE, help="Where the trace goes.  [default: SCENARIO.ktrace]")
@click.option("--kernel", type=EXISTING_FILE, help="Boot this kernel image, not Debian's.")
@click.option(
    "--modules", type=EXISTING_DIRECTORY, help="Its modules: lib/modules/RELEASE of its package."
)
@click.option(
    "--loader",
    type=click.Choice(["libbpf", "bcc"]),
    default="libbpf",
    show_default=True,
    help="bcc: with bcc and kernel headers in the guest, and BTF hidden.",
)
@click.option("--suite", help="Boot the kernel of this Debian suite: trixie, bookworm-backports.")
@click.option("--keep", is_flag=True, help="Keep the logs of the guest's console and screen.")
@click.pass_context
def run(
    context: click.Context,
    scenario: str,
    screen: bool,
    output: Path | None,
    kernel: Path | None,
    modules: Path | None,
    suite: str | None,
    keep: bool,
    loader: str,
) -> None:
    """Run SCENARIO and bring the trace out.

    Exits as the ktrace in the guest did (1: it found something), or with 4 if the scenario
    could not be run to its end.
    """
    # Here, so that the other commands need not load the lab.
    from ktrace.lab.cache import cache_dir
    from ktrace.lab.errors import LabError
    from ktrace.lab.packages import Kernel, debian_kernel
    from ktrace.lab.runner import run_scenario
    from ktrace.lab.verdict import verdict_over
    from ktrace.views.safe_text import safe

    if (kernel is None) != (modules is None):
        raise UsageError("--kernel and --modules go together")
    if kernel is not None and suite is not None:
        raise UsageError("--kernel and --suite exclude each other")
    chosen = Kernel(kernel, modules) if kernel and modules else None
    try:
        if suite is not None:
            chosen = debian_kernel(cache_dir(), suite=suite)
        result = run_scenario(
            scenario,
            output=output or Path(f"{scenario}.ktrace"),
            screen=screen,
            keep=keep,
            kernel=chosen,
            bcc=loader == "bcc",
        )
    except LabError as error:
        for line in error.details.splitlines():
            click.echo(f"  {safe(line)}", err=True)
        raise
    for trace in result.traces:
        click.echo(f"trace: {trace} ({trace.stat().st_size} bytes)")
    if result.logs is not None:
        click.echo(f"logs: {result.logs}")
    if len(result.traces) == 1:
        context.exit(result.exit_code)
    click.echo()
    context.exit(verdict_over(result.traces))


@lab.command("matrix")
@click.argument("scenario")
@click.option("--suite", "suites", multiple=True, help="A Debian suite; may be repeated.")
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
    context: click.Context, scenario: str, suites: tuple[str, ...], output: Path, markdown: bool
) -> None:
    """Run SCENARIO on the kernels of several Debian suites, and say what ktrace got on each.

    Without --suite: bullseye, bookworm, trixie and sid. Exits as the worst of the runs.
    """
    from ktrace.lab.errors import LabError
    from ktrace.lab.matrix import SUITES, run_matrix, table
    from ktrace.verdicts import worst_exit
    from ktrace.views.safe_text import safe

    try:
        rows = run_matrix(scenario, suites or SUITES, output)
    except LabError as error:
        for line in error.details.splitlines():
            click.echo(f"  {safe(line)}", err=True)
        raise
    click.echo()
    for line in table(rows, markdown):
        click.echo(safe(line))
    context.exit(worst_exit([row.exit_code for row in rows]))

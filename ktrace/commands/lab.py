"""`ktrace lab`: kernel bugs on demand, in a QEMU guest, watched by ktrace."""

import os
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ktrace.commands.group import Group
from ktrace.errors import UsageError
from ktrace.plural import count
from ktrace.views.output import complain, say

if TYPE_CHECKING:
    from ktrace.lab.runner import LabResult

FILE = click.Path(dir_okay=False, path_type=Path)
EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
EXISTING_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)


class _BisectCommand(click.Command):
    """With --bisect, an error has the exit code that git takes for "cannot be tested"."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> click.Context:
        bisecting = "--bisect" in args
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.ClickException as error:
            if not bisecting:
                raise
            error.show()
            raise click.exceptions.Exit(_cannot_be_tested()) from None

    def invoke(self, ctx: click.Context) -> Any:
        if not ctx.params.get("bisect"):
            return super().invoke(ctx)
        try:
            return super().invoke(ctx)
        except click.exceptions.Exit:
            raise
        except Exception as error:
            _complain(error)
            raise click.exceptions.Exit(_cannot_be_tested()) from None


def _cannot_be_tested() -> int:
    from ktrace.lab.bisect import BisectCode

    return BisectCode.SKIP


@click.group(cls=Group)
def lab() -> None:
    """Reproduce kernel bugs in a QEMU guest, traced by ktrace.

    Needs qemu-system-x86, squashfs-tools, e2fsprogs, busybox-static and gcc; no root, no KVM.
    """


@lab.command("list")
def list_scenarios() -> None:
    """List the scenarios."""
    from ktrace.lab.scenarios import SCENARIOS

    for name, scenario in sorted(SCENARIOS.items()):
        say(f"{name}  {scenario.summary}")


def _scenarios(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """For the shell's completion."""
    from ktrace.lab.scenarios import SCENARIOS

    return [name for name in sorted(SCENARIOS) if name.startswith(incomplete)]


@lab.command("run", cls=_BisectCommand)
@click.argument("scenario", shell_complete=_scenarios)
@click.option("--screen", is_flag=True, help="Show the screen of ktrace in the guest.")
@click.option("-o", "--output", type=FILE, help="The trace.  [default: SCENARIO.ktrace]")
@click.option("--force", is_flag=True, help="Overwrite the trace if it exists.")
@click.option("--kernel", type=EXISTING_FILE, help="Boot this kernel image instead of Debian's.")
@click.option(
    "--modules", type=EXISTING_DIRECTORY, help="The modules of --kernel: lib/modules/RELEASE."
)
@click.option(
    "--module",
    "own",
    type=EXISTING_FILE,
    multiple=True,
    metavar="FILE.ko",
    help="Use this module instead of the kernel's own with that name.",
)
@click.option(
    "--repeat",
    type=click.IntRange(1, 1000),
    default=1,
    help="Number of runs; the traces get -1, -2, ... in their names.",
)
@click.option(
    "--memory",
    "memory_mb",
    type=click.IntRange(64, 3000),
    metavar="MB",
    help="The guest's memory.  [default: the scenario's]",
)
@click.option(
    "--processes",
    type=click.IntRange(1, 500),
    help="squashfs-oom: the number of programs that use memory.",
)
@click.option(
    "--disk-rate",
    type=click.IntRange(1),
    metavar="KB/S",
    help="squashfs-oom: the rate of their disk.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=1),
    help="squashfs-oom: the duration of the memory shortage.",
)
@click.option(
    "--loader",
    type=click.Choice(["libbpf", "bcc"]),
    default="libbpf",
    show_default=True,
    help="bcc: the guest has bcc and kernel headers, and its BTF is hidden.",
)
@click.option(
    "--kernel-args", default="", help="More arguments for the guest kernel's command line."
)
@click.option("--suite", help="Boot the kernel of this Debian suite, for example trixie.")
@click.option("--keep", is_flag=True, help="Keep the logs of the guest's console and screen.")
@click.option(
    "--bisect",
    is_flag=True,
    help="Exit codes for `git bisect run`: 0 nothing found, 1 found, 125 cannot be tested.",
)
@click.option(
    "--in",
    "function",
    metavar="FUNCTION",
    help="With --bisect: count only threads that are stuck in this function.",
)
@click.pass_context
def run(
    context: click.Context,
    scenario: str,
    screen: bool,
    output: Path | None,
    force: bool,
    kernel: Path | None,
    modules: Path | None,
    own: tuple[Path, ...],
    repeat: int,
    memory_mb: int | None,
    processes: int | None,
    disk_rate: int | None,
    seconds: float | None,
    suite: str | None,
    kernel_args: str,
    keep: bool,
    loader: str,
    bisect: bool,
    function: str | None,
) -> None:
    """Run SCENARIO in a guest and save the trace.

    The exit code is that of ktrace in the guest (1: it found something), or 4 if the scenario did
    not run to its end.

    With --bisect the exit code is for `git bisect run`. 125 means that the commit cannot be
    tested: the kernel does not boot, the scenario does not occur, events were lost, or ktrace
    failed. See examples/bisect.
    """
    # Here, so that the other commands need not load the lab.
    from ktrace.lab.bisect import bisect_code, judge_by_function
    from ktrace.lab.build.packages import Kernel
    from ktrace.lab.errors import LabError
    from ktrace.lab.runner import LabResult, run_scenario
    from ktrace.lab.series import kernel_with, outputs, run_series, scenario_with
    from ktrace.lab.verdict import verdict_over

    if (kernel is None) != (modules is None):
        raise UsageError("--kernel and --modules go together")
    if kernel is not None and suite is not None:
        raise UsageError("--kernel and --suite exclude each other")
    if function is not None and not bisect:
        raise UsageError("--in goes with --bisect")
    chosen = scenario_with(
        scenario,
        memory_mb=memory_mb,
        other_kernel=bool(kernel or own or suite),
        kernel_args=kernel_args,
        processes=processes,
        disk_rate=disk_rate,
        seconds=seconds,
    )
    if function is not None and "oom-hang" not in chosen.command:
        raise UsageError(f"--in is for stuck threads, and {scenario} is about something else")

    def run_once(trace: Path) -> LabResult:
        given = Kernel(kernel, modules) if kernel and modules else None
        return run_scenario(
            chosen,
            output=trace,
            screen=screen,
            keep=keep,
            kernel=kernel_with(given, own, suite or ""),
            bcc=loader == "bcc",
            force=force,
        )

    def tell(result: LabResult) -> int:
        _tell_files(result)
        if function is not None:
            return judge_by_function(result, function)
        if len(result.traces) == 1:
            return result.exit_code
        say()
        return verdict_over(result.traces)

    traces = outputs(output or Path(f"{scenario}.ktrace"), repeat)
    if bisect:
        told = bisect_code(traces, run_once, tell, _complain)
        say(f"bisect: {told.name.lower()}")
        context.exit(told)
    try:
        code = run_series(traces, run_once, tell)
    except LabError as error:
        _tell_details(error.details)
        raise
    context.exit(code)


@lab.command("matrix")
@click.argument("scenario", shell_complete=_scenarios)
@click.option(
    "--suite", "suites", multiple=True, help="A Debian suite; can be given several times."
)
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
    """Run SCENARIO on the kernels of several Debian suites, and print one table.

    Without --suite: bullseye, bookworm, trixie and sid. The exit code is that of the worst run.
    """
    from ktrace.lab.errors import LabError
    from ktrace.lab.matrix import SUITES, run_matrix, table
    from ktrace.verdicts import worst_exit

    try:
        rows = run_matrix(scenario, suites or SUITES, output)
    except LabError as error:
        _tell_details(error.details)
        raise
    say()
    for line in table(rows, markdown):
        say(line)
    context.exit(worst_exit([row.exit_code for row in rows]))


def _tell_files(result: "LabResult") -> None:
    for trace in result.traces:
        say(f"trace: {trace} ({count(trace.stat().st_size, 'byte')})")
    if result.logs is not None:
        say(f"logs: {result.logs}")


def _complain(error: Exception) -> None:
    """What ended a run, for one who is not there to read it."""
    from ktrace.lab.errors import LabError
    from ktrace.views.error_text import error_lines

    if os.environ.get("KTRACE_DEBUG"):
        traceback.print_exception(error)
    if isinstance(error, LabError):
        _tell_details(error.details)
    for line in error_lines(error):
        complain(line)


def _tell_details(details: str) -> None:
    """What the guest said last, before the error's own line."""
    for line in details.splitlines():
        complain(f"  {line}")

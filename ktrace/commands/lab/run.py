"""ktrace lab run: one scenario in a guest."""

from pathlib import Path
from typing import Any

import click

from ktrace.commands.lab.bisect_command import BisectCommand
from ktrace.commands.lab.run_options import RunOptions, run_options
from ktrace.commands.lab.scenario_argument import scenario_argument
from ktrace.errors import UsageError
from ktrace.views.output import say


@click.command("run", cls=BisectCommand)
@scenario_argument
@run_options
@click.pass_context
def run(context: click.Context, /, scenario: str, **given: Any) -> None:
    """Run SCENARIO in a guest and save the trace.

    The exit code is that of ktrace in the guest (1: it found something), or 4 if the scenario did
    not run to its end.

    With --bisect the exit code is for `git bisect run`. 125 means that the commit cannot be
    tested: the kernel does not boot, the scenario does not occur, events were lost, or ktrace
    failed. See examples/bisect.
    """
    # Here, so that the other commands need not load the lab.
    from ktrace.commands.lab.tell import tell_details, tell_error, tell_files
    from ktrace.lab.arch import ARCHES
    from ktrace.lab.bisect import bisect_code, judge_by_function
    from ktrace.lab.build.packages import Kernel
    from ktrace.lab.errors import LabError
    from ktrace.lab.runner import LabResult, run_scenario
    from ktrace.lab.series import kernel_with, outputs, run_series, scenario_with
    from ktrace.lab.verdict import verdict_over

    options = RunOptions(**given)
    options.check()
    chosen = scenario_with(
        scenario,
        memory_mb=options.memory_mb,
        other_kernel=bool(options.kernel or options.own or options.suite),
        kernel_args=options.kernel_args,
        processes=options.processes,
        disk_rate=options.disk_rate,
        seconds=options.seconds,
        block=options.block,
    )
    if options.function is not None and "oom-hang" not in chosen.command:
        raise UsageError(f"--in is for stuck threads, and {scenario} is about something else")

    def run_once(trace: Path) -> LabResult:
        kernel, modules = options.kernel, options.modules
        arch = ARCHES[options.arch]
        given = Kernel(kernel, modules, arch=arch) if kernel and modules else None
        return run_scenario(
            chosen,
            output=trace,
            screen=options.screen,
            keep=options.keep,
            kernel=kernel_with(given, options.own, options.suite or "", arch),
            bcc=options.loader == "bcc",
            force=options.force,
            agent=options.agent,
        )

    def tell(result: LabResult) -> int:
        tell_files(result)
        if options.function is not None:
            return judge_by_function(result, options.function)
        if len(result.traces) == 1:
            return result.exit_code
        say()
        return verdict_over(result.traces)

    traces = outputs(options.output or Path(f"{scenario}.ktrace"), options.repeat)
    if options.bisect:
        told = bisect_code(traces, run_once, tell, tell_error)
        say(f"bisect: {told.name.lower()}")
        context.exit(told)
    try:
        code = run_series(traces, run_once, tell)
    except LabError as error:
        tell_details(error.details)
        raise
    context.exit(code)

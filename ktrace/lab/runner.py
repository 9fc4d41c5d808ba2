"""Runs a scenario: builds what it needs, boots, traces, and brings the trace out."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from ktrace.errors import UsageError
from ktrace.lab.arch import AMD64, Arch
from ktrace.lab.build import bcc_tree, image
from ktrace.lab.build.agent_program import agent_program, reader_options
from ktrace.lab.build.initramfs import initramfs
from ktrace.lab.build.kernel_config import check_config
from ktrace.lab.build.packages import Kernel, debian_kernel
from ktrace.lab.cache import cache_dir
from ktrace.lab.errors import LabError
from ktrace.lab.guest.agent_tracer import AgentTracer
from ktrace.lab.guest.guest import Disk, Guest, Machine
from ktrace.lab.guest.tracer import Tracer
from ktrace.lab.limits import PATIENCE_S
from ktrace.lab.relay import Relay
from ktrace.lab.scenario import Scenario, Stage, Step
from ktrace.lab.scenarios import SCENARIOS
from ktrace.lab.views import LineView, ScreenView, Size, View, terminal_size
from ktrace.trace.output import EXISTS, Refused, open_output
from ktrace.verdicts import worst_exit


@dataclass(frozen=True)
class StepTime:
    """A step that was done, and how long it took."""

    name: str
    seconds: float


@dataclass(frozen=True)
class LabResult:
    """What a run left: ktrace's exit code in the guest, its traces, and where the logs are.

    `logs` (console.log, screen.log) is there only if they were to be kept.
    """

    exit_code: int  # of several boots the worst, as ktrace.verdicts has it
    kernel: str
    traces: tuple[Path, ...]  # one for each boot
    steps: tuple[StepTime, ...]
    logs: Path | None
    kept: dict[str, int] = field(default_factory=dict)  # what the scenario's steps noted


@dataclass
class _Steps:
    """Announces steps and takes their times."""

    view: View
    done: list[StepTime] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self.view.step(name)
        started = time.monotonic()
        yield
        self.done.append(StepTime(name, time.monotonic() - started))


def find_scenario(name: str) -> Scenario:
    """The scenario of that name."""
    if name not in SCENARIOS:
        known = ", ".join(sorted(SCENARIOS))
        raise UsageError(f"no scenario is called {name}", hint=f"there are: {known}")
    return SCENARIOS[name]


def run_scenario(
    name: str | Scenario,
    *,
    output: Path,
    screen: bool = False,
    keep: bool = False,
    kernel: Kernel | None = None,
    command: Sequence[str] | None = None,
    view: View | None = None,
    bcc: bool = False,
    force: bool = False,
    agent: bool = False,
) -> LabResult:
    """Run a scenario and leave its trace in `output`, also when the run fails. That is a new file;
    with `force` an existing one is overwritten.

    Where the scenario boots several times there is a trace for each: see trace_paths().

    `command` replaces the scenario's ktrace command line in the guest, `view` what the user
    sees. Logs are kept if asked for, and after a failure. With `bcc` the guest has bcc and the
    kernel's headers, and BTF is hidden from ktrace. With `agent` it has ktrace-agent alone, and no
    Python: ktrace runs here.
    """
    scenario = name if isinstance(name, Scenario) else find_scenario(name)
    if bcc:
        command = bcc_tree.without_btf(tuple(command or scenario.command))
    size = None
    if view is None:
        view, size = _choose_view(screen)
    traces = trace_paths(output, len(scenario.boots))
    for path in traces:
        _create(path, force)  # now, rather than when QEMU cannot open it
    steps = _Steps(view)
    kept: dict[str, int] = {}
    logs = Path(tempfile.mkdtemp(prefix="ktrace-lab-"))
    try:
        exit_code, release = _run(
            scenario, steps, traces, logs, kernel, command, size, kept, bcc, agent
        )
    except LabError as error:
        keep = True
        error.hint = error.hint or f"the guest's logs are in {logs}"
        raise
    finally:
        view.close()
        _remove_empty(traces)
        if not keep:
            shutil.rmtree(logs)
    return LabResult(exit_code, release, traces, tuple(steps.done), logs if keep else None, kept)


def _create(path: Path, force: bool) -> None:
    try:
        os.close(open_output(str(path), force=force))
    except Refused as refused:
        if str(refused) == EXISTS:
            raise UsageError(f"{path} exists", hint="--force overwrites it") from None
        raise UsageError(f"cannot write {path}: {refused}") from None


def trace_paths(output: Path, boots: int) -> tuple[Path, ...]:
    """`output`; of several boots NAME-1.ktrace, NAME-2.ktrace, ..."""
    if boots == 1:
        return (output,)
    return tuple(
        output.with_name(f"{output.stem}-{number}{output.suffix}") for number in range(1, boots + 1)
    )


def _choose_view(screen: bool) -> tuple[View, Size | None]:
    if not screen:
        return LineView(sys.stdout.buffer), None
    if not sys.stdout.isatty():
        raise UsageError("--screen needs a terminal on stdout")
    view = ScreenView(sys.stdout.buffer, terminal_size(sys.stdout.buffer))
    return view, view.guest_size


def _remove_empty(traces: Sequence[Path]) -> None:
    """Of boots that did not come about: nobody shall need `force` because of those."""
    for path in traces:
        if path.is_file() and path.stat().st_size == 0:
            path.unlink()


def _run(
    scenario: Scenario,
    steps: _Steps,
    traces: tuple[Path, ...],
    logs: Path,
    kernel: Kernel | None,
    command: Sequence[str] | None,
    size: Size | None,
    kept: dict[str, int],
    bcc: bool,
    agent: bool,
) -> tuple[int, str]:
    cache = cache_dir()
    with steps.step("get a kernel"):
        kernel = kernel or debian_kernel(cache)
        _check_arch(scenario, kernel.arch, bcc)
        check_config(kernel, scenario.modules)
    with steps.step("build the guest's disks"):
        machine = _machine(scenario, cache, kernel, logs, tty=size is not None, bcc=bcc)
        if agent:
            machine = _with_agent(machine, scenario, cache, kernel)
        machine = scenario.change(machine)
    start_s = bcc_tree.START_S if bcc else PATIENCE_S
    codes = []
    for number, (arguments, trace) in enumerate(zip(scenario.boots, traces, strict=True)):
        boot = replace(machine, arguments=arguments, trace=trace.absolute())
        if len(traces) > 1:
            boot = replace(boot, console=logs / f"console-{number + 1}.log")
            steps.view.step(f"boot {number + 1} of {len(traces)}: {arguments}")
        stage_at = partial(Stage, boot=number, kept=kept)
        start: Callable[[Guest, Relay], Tracer]
        start = partial(Tracer, command=command or scenario.command, size=size, start_s=start_s)
        if agent:
            start = partial(
                AgentTracer,
                command=scenario.command,
                options=reader_options(cache, kernel),
                view=steps.view,
            )
        codes.append(_boot(scenario, steps, boot, stage_at, start))
    return worst_exit(codes), kernel.release


def _boot(
    scenario: Scenario,
    steps: _Steps,
    machine: Machine,
    stage_at: Callable[[Guest], Stage],
    new_tracer: Callable[[Guest, Relay], Tracer],
) -> int:
    """One boot, from power-on to power-off; ktrace's exit code."""
    screen_log = machine.console.with_name(machine.console.name.replace("console", "screen"))
    with Guest(machine) as guest:
        relay = Relay(guest.screen, steps.view, screen_log)
        relay.start()
        tracer = new_tracer(guest, relay)
        try:
            return _play(scenario, steps, stage_at(guest), tracer)
        finally:
            tracer.close()
            guest.kill()
            relay.join()
            if machine.memory is not None:
                machine.memory.unlink(missing_ok=True)


def _play(scenario: Scenario, steps: _Steps, stage: Stage, tracer: Tracer) -> int:
    with steps.step("boot"):
        stage.guest.boot()
    _take(scenario.prepare, steps, stage)
    with steps.step("start ktrace"):
        tracer.start()
    _take(scenario.steps, steps, stage)
    with steps.step("stop ktrace"):
        exit_code = tracer.stop()
    _take(scenario.afterwards, steps, stage)
    with steps.step("power off"):
        stage.guest.power_off()
    return exit_code


def _take(wanted: Sequence[Step], steps: _Steps, stage: Stage) -> None:
    for step in wanted:
        with steps.step(step.name):
            step.action(stage)


def _check_arch(scenario: Scenario, arch: Arch, bcc: bool) -> None:
    """Raises UsageError for what was not made for that architecture."""
    if arch.name not in scenario.arches:
        raise UsageError(
            f"{scenario.name} does not run on {arch.name}",
            hint=f"it runs on {', '.join(scenario.arches)}",
        )
    if bcc and arch != AMD64:
        raise UsageError("the lab has bcc for guests of amd64 only")


def _machine(
    scenario: Scenario, cache: Path, kernel: Kernel, logs: Path, *, tty: bool, bcc: bool
) -> Machine:
    own = tuple(image.own_module(cache, kernel, name) for name in scenario.own_modules)
    system = () if scenario.own_root else _system(cache, kernel, bcc=bcc)
    return Machine(
        kernel=kernel.image,
        initramfs=initramfs(cache, kernel, scenario.modules, own),
        disks=(*system, *scenario.disks(cache, kernel.arch)),
        trace=logs / "trace",
        console=logs / "console.log",
        tty=tty,
        memory_mb=scenario.memory_mb + (bcc_tree.MORE_MEMORY_MB if bcc else 0),
        cpus=min(scenario.cpus, kernel.arch.most_cpus),
        five_levels=scenario.five_levels,
        memory=logs / "memory" if scenario.memory_file else None,
        arch=kernel.arch,
    )


def _with_agent(machine: Machine, scenario: Scenario, cache: Path, kernel: Kernel) -> Machine:
    """The same without Python."""
    program = agent_program(cache, kernel)
    return replace(
        machine,
        agent=True,
        initramfs=initramfs(cache, kernel, scenario.modules, agent=program),
        disks=scenario.disks(cache, kernel.arch),
    )


def _system(cache: Path, kernel: Kernel, *, bcc: bool) -> tuple[Disk, ...]:
    usr = image.bcc_system_disk(cache, kernel) if bcc else image.system_disk(cache, kernel.arch)
    return Disk("system", usr), Disk("ktrace", image.ktrace_disk(cache))

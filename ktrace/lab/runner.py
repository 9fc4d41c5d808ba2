"""Runs a scenario: builds what it needs, boots, traces, and brings the trace out."""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ktrace.errors import UsageError
from ktrace.lab import image
from ktrace.lab.cache import cache_dir
from ktrace.lab.errors import LabError
from ktrace.lab.guest import Disk, Guest, Machine
from ktrace.lab.packages import Kernel, debian_kernel
from ktrace.lab.relay import Relay
from ktrace.lab.scenario import Scenario, Stage
from ktrace.lab.scenarios import SCENARIOS
from ktrace.lab.tracer import Tracer
from ktrace.lab.views import LineView, ScreenView, Size, View, terminal_size


@dataclass(frozen=True)
class StepTime:
    """A step that was done, and how long it took."""

    name: str
    seconds: float


@dataclass(frozen=True)
class LabResult:
    """What a run left: ktrace's exit code in the guest, its trace, and where the logs are.

    `logs` (console.log, screen.log) is there only if they were to be kept.
    """

    exit_code: int
    kernel: str
    trace_path: Path
    steps: tuple[StepTime, ...]
    logs: Path | None


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
) -> LabResult:
    """Run a scenario and leave its trace in `output`, also when the run fails.

    `command` replaces the scenario's ktrace command line in the guest, `view` what the user
    sees. Logs are kept if asked for, and after a failure.
    """
    scenario = name if isinstance(name, Scenario) else find_scenario(name)
    size = None
    if view is None:
        view, size = _choose_view(screen)
    _check_writable(output)
    steps = _Steps(view)
    logs = Path(tempfile.mkdtemp(prefix="ktrace-lab-"))
    try:
        exit_code, release = _run(scenario, steps, output, logs, kernel, command, size)
    except LabError as error:
        keep = True
        error.hint = error.hint or f"the guest's logs are in {logs}"
        raise
    finally:
        view.close()
        if not keep:
            shutil.rmtree(logs)
    return LabResult(exit_code, release, output, tuple(steps.done), logs if keep else None)


def _choose_view(screen: bool) -> tuple[View, Size | None]:
    if not screen:
        return LineView(sys.stdout.buffer), None
    if not sys.stdout.isatty():
        raise UsageError("--screen needs a terminal on stdout")
    view = ScreenView(sys.stdout.buffer, terminal_size(sys.stdout.buffer))
    return view, view.guest_size


def _check_writable(output: Path) -> None:
    """Say it now, rather than when QEMU cannot open the file."""
    try:
        output.write_bytes(b"")
    except OSError as error:
        raise UsageError(f"cannot write {output}: {error.strerror}") from None


def _run(
    scenario: Scenario,
    steps: _Steps,
    output: Path,
    logs: Path,
    kernel: Kernel | None,
    command: Sequence[str] | None,
    size: Size | None,
) -> tuple[int, str]:
    cache = cache_dir()
    with steps.step("get a kernel"):
        kernel = kernel or debian_kernel(cache)
    with steps.step("build the guest's disks"):
        machine = _machine(scenario, cache, kernel, output, logs, tty=size is not None)
    with Guest(machine) as guest:
        relay = Relay(guest.screen, steps.view, logs / "screen.log")
        relay.start()
        tracer = Tracer(guest, relay, command or scenario.command, size)
        try:
            return _play(scenario, steps, guest, tracer), kernel.release
        finally:
            guest.kill()
            relay.join()


def _play(scenario: Scenario, steps: _Steps, guest: Guest, tracer: Tracer) -> int:
    with steps.step("boot"):
        guest.boot()
    with steps.step("start ktrace"):
        tracer.start()
    stage = Stage(guest)
    for step in scenario.steps:
        with steps.step(step.name):
            step.action(stage)
    with steps.step("stop ktrace"):
        exit_code = tracer.stop()
    with steps.step("power off"):
        guest.power_off()
    return exit_code


def _machine(
    scenario: Scenario, cache: Path, kernel: Kernel, output: Path, logs: Path, *, tty: bool
) -> Machine:
    disks = (
        Disk("system", image.system_disk(cache)),
        Disk("ktrace", image.ktrace_disk(cache)),
        *scenario.disks(cache),
    )
    return Machine(
        kernel=kernel.image,
        initramfs=image.initramfs(cache, kernel, scenario.modules),
        disks=disks,
        trace=output.absolute(),
        console=logs / "console.log",
        tty=tty,
        memory_mb=scenario.memory_mb,
        cpus=scenario.cpus,
    )

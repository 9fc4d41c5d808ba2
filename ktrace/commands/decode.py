"""ktrace decode: what a raw value of the kernel means."""

import click

from ktrace.errors import CannotTrace
from ktrace.kernel.task_state import MEANING, SIGKILL_WAKES, TaskStates
from ktrace.kernel.tracefs import tracepoint_format


@click.group("decode")
def decode() -> None:
    """Say what a raw value of the running kernel means."""


@decode.command("task-state")
@click.argument("value")
@click.option("--exit-state", default="0", metavar="VALUE", help="task_struct.exit_state.")
@click.option("--flags", default="0", metavar="VALUE", help="task_struct.flags (PF_*).")
def task_state(value: str, exit_state: str, flags: str) -> None:
    """Decode task_struct.__state, as in 0x402 or 258."""
    states = running_kernel_states()
    state = _number(value)
    name = states.name(state, _number(exit_state), _number(flags))
    wakes = {True: "yes", False: "no", None: "it is awake"}[SIGKILL_WAKES[name]]
    click.echo(f"{state:#x}  {states.flags(state)}")
    click.echo(f"state          {name}: {MEANING[name]}")
    click.echo(f"SIGKILL wakes  {wakes}")
    click.echo(f"bits from      {states.origin}")


def running_kernel_states() -> TaskStates:
    """The running kernel's state bits. BTF is asked whether it has frozen()."""
    from ktrace.kernel.btf import Btf
    from ktrace.probes.libbpf import LibbpfError

    try:
        btf = Btf.of_kernel()
    except (LibbpfError, CannotTrace):
        return TaskStates.from_format(tracepoint_format("sched", "sched_switch"), True)
    has_frozen = btf.function("frozen") is not None
    btf.close()
    return TaskStates.from_format(tracepoint_format("sched", "sched_switch"), has_frozen)


def _number(text: str) -> int:
    try:
        number = int(text, 0)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a number, as 0x402 or 258") from None
    if not 0 <= number < 1 << 64:
        raise click.BadParameter(f"{text} does not fit a machine word")
    return number

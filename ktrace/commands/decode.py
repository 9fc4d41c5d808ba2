"""ktrace decode: what a raw value of the kernel means."""

import platform

import click

from ktrace.commands.group import Group
from ktrace.errors import CannotTrace, UsageError
from ktrace.kernel.config import running_config
from ktrace.kernel.page_flag_eras import BY_NAME, page_flags_of
from ktrace.kernel.page_flags import PageFlags
from ktrace.kernel.task_state import MEANING, SIGKILL_WAKES, TaskStates
from ktrace.kernel.tracefs import tracepoint_format
from ktrace.views.output import say


@click.group("decode", cls=Group)
def decode() -> None:
    """Decode a value as the kernel stores it."""


@decode.command("task-state")
@click.argument("value")
@click.option("--exit-state", default="0", metavar="VALUE", help="task_struct.exit_state.")
@click.option("--flags", default="0", metavar="VALUE", help="task_struct.flags (PF_*).")
def task_state(value: str, exit_state: str, flags: str) -> None:
    """Decode task_struct.__state, for example 0x402 or 258."""
    states = running_kernel_states()
    state = _number(value)
    name = states.name(state, _number(exit_state), _number(flags))
    wakes = {True: "yes", False: "no", None: "it is awake"}[SIGKILL_WAKES[name]]
    say(f"{state:#x}  {states.flags(state)}")
    say(f"state          {name}: {MEANING[name]}")
    say(f"SIGKILL wakes  {wakes}")
    say(f"bits from      {states.origin}")


@decode.command("wait")
@click.argument("function", required=False)
def wait(function: str | None) -> None:
    """Tell what a task waits for in a function of its stack, and what ends the wait.

    FUNCTION is a wait primitive (wait_event_killable), or a frame of a stack. Without it, all wait
    primitives are listed."""
    from ktrace.views.wait_primitives import all_lines, lines_of

    lines = lines_of(function) if function else all_lines()
    if lines is None:
        raise UsageError(
            f"ktrace does not know {function} as a function in which tasks wait",
            hint="ktrace decode wait lists the wait primitives that it knows",
        )
    for line in lines:
        say(line)


@decode.command("page-flags")
@click.argument("value")
@click.option(
    "--btf",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Of the kernel with this BTF: its vmlinux, or a file such as /sys/kernel/btf/vmlinux.",
)
@click.option("--era", type=click.Choice(list(BY_NAME)), help="Of a kernel without BTF.")
def page_flags(value: str, btf: str | None, era: str | None) -> None:
    """Decode page->flags, for example 0xfffffc0004000, of the running kernel or of another one."""
    if btf is not None and era is not None:
        raise UsageError("--btf and --era exclude each other")
    flags = _number(value)
    layout = page_flags_of(BY_NAME[era]) if era else _btf_page_flags(btf)
    decoded = layout.decode(flags)
    say(f"{flags:#x}  {'|'.join(decoded.names) or 'no flags'}")
    for field in decoded.fields:
        say("{:<14} {}".format(*field.split("=")))
    for path, mask in (("allocated", layout.at_prep), ("freed", layout.at_free)):
        bad = layout.bit_names(flags & mask)
        say(f"when {path:<9} {'BAD: ' + '|'.join(bad) if bad else 'no flag is wrong'}")
    say(f"bits from      {layout.origin}")


def _btf_page_flags(path: str | None) -> PageFlags:
    """Of the running kernel, or of a file with BTF."""
    from ktrace.kernel.btf import Btf
    from ktrace.kernel.libbpf import LibbpfError

    origin = path or f"BTF of the running kernel, {platform.release()}"
    try:
        btf = Btf.of_file(path) if path else Btf.of_kernel()
    except LibbpfError as error:
        hint = "it must be a vmlinux or raw BTF" if path else "try --btf FILE or --era NAME"
        raise UsageError(f"cannot read {origin}: {error}", hint=hint) from None
    try:
        return PageFlags.of_btf(btf, origin, {} if path else running_config())
    except ValueError as error:
        raise UsageError(f"{origin}: {error}") from None
    finally:
        btf.close()


def running_kernel_states() -> TaskStates:
    """The running kernel's state bits. BTF is asked whether it has frozen()."""
    from ktrace.kernel.btf import Btf
    from ktrace.kernel.libbpf import LibbpfError

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

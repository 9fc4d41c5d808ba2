"""Options that live commands share."""

import functools
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import click

from ktrace.probes.choice import LOADERS
from ktrace.problems import Problem, hot_problems
from ktrace.task_filter import TaskFilter

_Command = Callable[..., Any]
_MIN_SIZE = 1 << 20
_LARGE = 3  # PAGE_ALLOC_COSTLY_ORDER of include/linux/mmzone.h
_COSTLY = _LARGE + 1
_STALLED_AFTER_S = 0.1
BIG_ALLOC = "big-alloc"


class Seconds(click.FloatRange):
    """No nan, no infinity: both pass any range."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        seconds = float(super().convert(value, param, ctx))
        if not math.isfinite(seconds):
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        return seconds


def parse_size(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    """Of a number with K, M, G or T (powers of 1024)."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,15})([KMGT]?)(i?B)?", value, re.IGNORECASE)
    if not found:
        raise click.BadParameter(f"{value!r} is not a size such as 500M or 2G")
    size = int(found[1]) << 10 * " KMGT".index(found[2].upper() or " ")
    if size < _MIN_SIZE:
        raise click.BadParameter(f"{value} is less than {_MIN_SIZE >> 20}M")
    return size


def _check_action(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is None or value == "stop" or (value.startswith("shell:") and len(value) > 6):
        return value
    raise click.BadParameter('must be "stop" or "shell:COMMAND"')


loader_option = click.option(
    "--loader",
    type=click.Choice(LOADERS),
    default="auto",
    show_default=True,
    help="How the probes get into the kernel: libbpf needs BTF, bcc a compiler and headers.",
)


def _use_btf(_ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None:
        from ktrace.kernel.btf_file import use_btf_file

        use_btf_file(value)


btf_option = click.option(
    "--btf",
    type=click.Path(),
    metavar="FILE",
    expose_value=False,
    callback=_use_btf,
    help="Take the kernel's types from FILE (ktrace btf make), where it has no BTF of its own.",
)


def _use_unwind(_ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None:
        from ktrace.kernel.unwind_file import use_unwind_file

        use_unwind_file(value)


unwind_option = click.option(
    "--unwind",
    type=click.Path(),
    metavar="FILE",
    expose_value=False,
    callback=_use_unwind,
    help="Unwind stacks of a 32-bit ARM kernel by FILE (ktrace btf make).  [default: beside --btf]",
)

from_option = click.option(
    "--from",
    "agent",
    metavar="PLACE",
    help="Trace a board: what its ktrace-agent writes is in a file, comes from a serial port, on "
    "stdin (-), or from tcp:HOST:PORT, where it listens.",
)

stuck_after_option = click.option(
    "--stuck-after",
    type=Seconds(min=0.05),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="Report a killed thread that is still alive after this time.",
)

_OPTIONS = (
    click.option("--force", is_flag=True, help="Overwrite FILE if it exists."),
    click.option(
        "--max-size",
        callback=parse_size,
        metavar="SIZE",
        help="End the trace at this size (500M, 2G); tracing goes on.",
    ),
    click.option(
        "--spill",
        type=click.Path(),
        metavar="DIR",
        help="If the run ends while FILE's file system hangs, write the rest of the trace into a "
        "new file in DIR.  [default: /run]",
    ),
    click.option(
        "--redact",
        is_flag=True,
        help="Pseudonyms in FILE for all names; no kernel pointers, no arguments, no texts.",
    ),
    click.option(
        "-d", "--duration", type=Seconds(min=0), metavar="SECONDS", help="Stop after this time."
    ),
    stuck_after_option,
    click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout."),
    loader_option,
    btf_option,
    unwind_option,
    click.option(
        "--on-finding",
        callback=_check_action,
        metavar="stop|shell:CMD",
        help="Stop at the first finding, or run CMD, one at a time: new findings are on its stdin "
        "(JSON Lines), the newest in $KTRACE_FINDING.",
    ),
    click.option(
        "--action-user",
        metavar="USER",
        help="Run CMD as USER. Else as the user who called sudo, or without any capabilities; "
        '"root" gives it all that ktrace has.',
    ),
    click.option("--command-user", metavar="USER", help="Run COMMAND as USER, not as ktrace."),
    click.option(
        "--keep-running",
        is_flag=True,
        help="Do not end a COMMAND that is still running when the run ends.",
    ),
    click.option(
        "--strict", is_flag=True, help="A COMMAND that fails makes a clean run inconclusive."
    ),
    click.argument("run", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND [ARG...]]"),
)


_FILTERS = (
    click.option(
        "--comm", multiple=True, metavar="NAME", help="Only tasks of this name, or pattern."
    ),
    click.option("--pid", type=int, multiple=True, help="Only threads of this process."),
    click.option(
        "--cgroup", multiple=True, metavar="PATH", help="Only tasks of this cgroup, or below it."
    ),
    click.option("--unit", multiple=True, help="Only tasks of this systemd unit, or pattern."),
    click.option(
        "--container",
        multiple=True,
        metavar="ID",
        help="Only tasks of the container whose id begins so.",
    ),
)


def filter_options(command: _Command) -> _Command:
    """Which tasks are shown and judged, as `task_filter`."""

    @functools.wraps(command)
    def filtered(
        comm: tuple[str, ...],
        pid: tuple[int, ...],
        cgroup: tuple[str, ...],
        unit: tuple[str, ...],
        container: tuple[str, ...],
        **options: Any,
    ) -> Any:
        task_filter = TaskFilter(comm, pid, cgroup, unit, container)
        return command(task_filter=task_filter, **options)

    for option in reversed(_FILTERS):
        filtered = option(filtered)
    return filtered


_ALLOCATION_OPTIONS = (
    click.option(
        "--order",
        "min_order",
        type=click.IntRange(0, 10),
        help="Blocks of 2^ORDER pages and more.  [default: 3]",
    ),
    click.option(
        "--costly",
        is_flag=True,
        help="Those that the kernel gives up soon: more than PAGE_ALLOC_COSTLY_ORDER, --order 4.",
    ),
    click.option(
        "--stalled-after",
        type=Seconds(min=0),
        default=_STALLED_AFTER_S,
        show_default=True,
        metavar="SECONDS",
        help="Report one that waits so long for reclaim and compaction.",
    ),
)


def allocation_options(command: _Command) -> _Command:
    """Of large allocations, as `min_order` and `stalled_after`."""

    @functools.wraps(command)
    def chosen(min_order: int | None, costly: bool, **options: Any) -> Any:
        if costly and min_order is not None:
            raise click.UsageError("--costly is --order 4: only one of them can hold")
        order = _COSTLY if costly else _LARGE if min_order is None else min_order
        return command(min_order=order, **options)

    for option in reversed(_ALLOCATION_OPTIONS):
        chosen = option(chosen)
    return chosen


def with_option(command: _Command) -> _Command:
    """--with of record, as `also`; and what the problems that it names have as options."""

    @click.option(
        "--with",
        "also",
        multiple=True,
        type=click.Choice(hot_problems()),
        help="Record what this command traces, too: its hooks cost more than the others. May be "
        "given several times.",
    )
    @functools.wraps(command)
    def chosen(also: tuple[str, ...], **options: Any) -> Any:
        if BIG_ALLOC in also:
            options |= {"min_order": _LARGE, "stalled_after": _STALLED_AFTER_S}
        return command(also=tuple(dict.fromkeys(also)), **options)

    return chosen


def live_options(record_required: bool) -> Callable[[_Command], _Command]:
    """All that the contract has for live commands, and COMMAND."""
    names = ["-o", "--record", *(["--output"] if record_required else [])]
    record = click.option(
        *names,
        "record",
        type=click.Path(),
        required=record_required,
        metavar="FILE",
        help="Record a trace into a new file, which only its owner can read; or to a serial port, "
        "a FIFO, or tcp:HOST:PORT (ktrace receive).",
    )

    def decorate(command: _Command) -> _Command:
        for option in reversed((record, *_OPTIONS)):
            command = option(command)
        return command

    return decorate


def state_option(
    having: Sequence[str], name: str, problems: Sequence[Problem]
) -> Callable[[_Command], _Command]:
    """--state, of the command `name` about those problems; `having` have something to keep."""
    has_any = any(problem.name in having for problem in problems)

    def check(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
        if value is not None and not has_any:
            raise click.UsageError(
                f"--state keeps what {' and '.join(having)} finds: {name} has nothing to keep"
            )
        return value

    return click.option(
        "--state",
        type=click.Path(),
        metavar="FILE",
        hidden=not has_any,
        callback=check,
        help="Keep bad pages over reboots in FILE: the same cell again means bad RAM.",
    )

"""Options that live commands share."""

from collections.abc import Callable
from typing import Any

import click

from ktrace.probes.choice import LOADERS

_Command = Callable[..., Any]


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

_OPTIONS = (
    click.option(
        "-d", "--duration", type=click.FloatRange(min=0), metavar="SECONDS", help="Stop after this."
    ),
    click.option(
        "--stuck-after",
        type=click.FloatRange(min=0.05),
        default=1.0,
        show_default=True,
        metavar="SECONDS",
        help="Report a killed thread that has not died after this.",
    ),
    click.option(
        "--on-finding",
        callback=_check_action,
        metavar="stop|shell:CMD",
        help="Stop at the first finding, or run CMD at each ($KTRACE_FINDING has its JSON).",
    ),
    loader_option,
    click.argument("run", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND [ARG...]]"),
)


def live_options(command: _Command) -> _Command:
    """-d, --stuck-after, --on-finding, --loader and COMMAND."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command

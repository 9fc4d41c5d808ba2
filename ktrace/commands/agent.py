"""ktrace agent: the probes for a machine without Python."""

import os

import click

from ktrace.commands.group import Group
from ktrace.commands.lab.arch_option import NAMES
from ktrace.errors import ExitCode, UsageError
from ktrace.views.output import say


@click.group("agent", cls=Group)
def agent() -> None:
    """Trace a machine that has no Python: a static program that writes what its probes see.

    Decoding and detecting stay here: ssh BOARD ktrace-agent | ktrace oom-hang --from -
    """


@agent.command("build")
@click.option(
    "--arch",
    type=click.Choice(NAMES),
    required=True,
    help="Of the board, by Debian's name.",
)
@click.option(
    "--btf",
    type=click.Path(),
    metavar="FILE",
    help="Build the kernel's types in, for one without BTF of its own.",
)
@click.option("-o", "--output", type=click.Path(), default="ktrace-agent", show_default=True)
def build_agent(arch: str, btf: str | None, output: str) -> ExitCode:
    """Compile ktrace-agent for a board.

    Needs a compiler for it: Debian's gcc-arm-linux-gnueabihf, gcc-aarch64-linux-gnu, or for this
    machine's own gcc, libc6-dev and libbpf-dev. Static libraries for another one come from Debian's
    archive into the lab's cache; nothing is installed.
    """
    from ktrace.agent.build import build
    from ktrace.agent.toolchain import toolchain

    if btf is not None and not os.path.isfile(btf):
        raise UsageError(f"there is no file {btf}")
    size = build(toolchain(arch), output, btf)
    say(f"{output}: {size} bytes, for {arch}")
    return ExitCode.CLEAN

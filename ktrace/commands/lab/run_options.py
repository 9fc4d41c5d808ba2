"""The options of `ktrace lab run`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ktrace.commands.lab.arch_option import arch_option
from ktrace.errors import UsageError
from ktrace.record import record

BLOCKS = ("4K", "16K", "64K", "128K", "256K", "512K", "1M")  # of mksquashfs -b
FILE = click.Path(dir_okay=False, path_type=Path)
EXISTING_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
EXISTING_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)
BLOCKS = ("4K", "16K", "64K", "128K", "256K", "512K", "1M")  # of mksquashfs -b


@record
class RunOptions:
    """As they were given."""

    screen: bool
    output: Path | None
    force: bool
    kernel: Path | None
    modules: Path | None
    own: tuple[Path, ...]
    repeat: int
    memory_mb: int | None
    processes: int | None
    disk_rate: int | None
    seconds: float | None
    block: str | None
    loader: str
    kernel_args: str
    suite: str | None
    arch: str
    agent: bool
    keep: bool
    bisect: bool
    function: str | None

    def check(self) -> None:
        """Raises UsageError for what does not go together."""
        if (self.kernel is None) != (self.modules is None):
            raise UsageError("--kernel and --modules go together")
        if self.kernel is not None and self.suite is not None:
            raise UsageError("--kernel and --suite exclude each other")
        if self.agent and (self.screen or self.loader == "bcc"):
            raise UsageError("--agent excludes --screen and --loader bcc: ktrace runs here")
        if self.function is not None and not self.bisect:
            raise UsageError("--in goes with --bisect")


_OPTIONS = (
    click.option("--screen", is_flag=True, help="Show the screen of ktrace in the guest."),
    click.option("-o", "--output", type=FILE, help="The trace.  [default: SCENARIO.ktrace]"),
    click.option("--force", is_flag=True, help="Overwrite the trace if it exists."),
    click.option(
        "--kernel", type=EXISTING_FILE, help="Boot this kernel image instead of Debian's."
    ),
    click.option(
        "--modules", type=EXISTING_DIRECTORY, help="The modules of --kernel: lib/modules/RELEASE."
    ),
    click.option(
        "--module",
        "own",
        type=EXISTING_FILE,
        multiple=True,
        metavar="FILE.ko",
        help="Use this module instead of the kernel's own with that name.",
    ),
    click.option(
        "--repeat",
        type=click.IntRange(1, 1000),
        default=1,
        help="Number of runs; the traces get -1, -2, ... in their names.",
    ),
    click.option(
        "--memory",
        "memory_mb",
        type=click.IntRange(64, 3000),
        metavar="MB",
        help="The guest's memory.  [default: the scenario's]",
    ),
    click.option(
        "--processes",
        type=click.IntRange(1, 500),
        help="squashfs-oom: the number of programs that use memory.",
    ),
    click.option(
        "--disk-rate",
        type=click.IntRange(1),
        metavar="KB/S",
        help="squashfs-oom: the rate of their disk.",
    ),
    click.option(
        "--seconds",
        type=click.FloatRange(min=1),
        help="squashfs-oom, squashfs-thrash: the duration of the memory shortage.",
    ),
    click.option(
        "--block",
        type=click.Choice(BLOCKS),
        help="squashfs-thrash: the size of squashfs's blocks.  [default: 1M]",
    ),
    click.option(
        "--loader",
        type=click.Choice(["libbpf", "bcc"]),
        default="libbpf",
        show_default=True,
        help="bcc: the guest has bcc and kernel headers, and its BTF is hidden.",
    ),
    click.option(
        "--kernel-args", default="", help="More arguments for the guest kernel's command line."
    ),
    click.option("--suite", help="Boot the kernel of this Debian suite, for example trixie."),
    arch_option,
    click.option(
        "--agent",
        is_flag=True,
        help="The guest has ktrace-agent, and neither Python nor ktrace, which runs here.",
    ),
    click.option("--keep", is_flag=True, help="Keep the logs of the guest's console and screen."),
    click.option(
        "--bisect",
        is_flag=True,
        help="Exit codes for `git bisect run`: 0 nothing found, 1 found, 125 cannot be tested.",
    ),
    click.option(
        "--in",
        "function",
        metavar="FUNCTION",
        help="With --bisect: count only threads that are stuck in this function.",
    ),
)


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Gives the command all of them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command

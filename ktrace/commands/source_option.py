"""--vmlinux, of the commands that show stacks from files."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ktrace.errors import UsageError

if TYPE_CHECKING:
    from ktrace.kernel.source_lines import SourceLines

vmlinux_option = click.option(
    "--vmlinux",
    "debug_files",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="The kernel with debug information, a module's .ko or .ko.debug, or a folder that has "
    'them: show where in the source the frames are; "none": not even by the debug package.',
)


def source_lines(debug_files: Sequence[str], installed: bool = True) -> "SourceLines | None":
    """By what vmlinux_option gave; installed: without any, by the distribution's debug package.
    Raises UsageError."""
    from ktrace.kernel.source_lines import SourceLines

    if "none" in debug_files or not (debug_files or installed):
        return None
    for path in debug_files:
        if not os.path.exists(path):
            raise UsageError(f"cannot read {path}: No such file or directory")
    return SourceLines(*debug_files)

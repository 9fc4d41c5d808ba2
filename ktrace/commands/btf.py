"""ktrace btf: the types of a board's kernel, made where that kernel was built."""

import click

from ktrace.commands.group import Group
from ktrace.errors import ExitCode, UsageError
from ktrace.kernel.unwind_file import unwind_file
from ktrace.private_file import replace_file
from ktrace.views.output import say


@click.group("btf", cls=Group)
def btf() -> None:
    """Make the file that ktrace needs on a kernel without BTF."""


@btf.command("make")
@click.argument("vmlinux", type=click.Path())
@click.argument("modules", nargs=-1, type=click.Path(), metavar="[MODULE.ko...]")
@click.option("-o", "--output", required=True, type=click.Path(), metavar="FILE", help="May exist.")
def make(vmlinux: str, modules: tuple[str, ...], output: str) -> ExitCode:
    """Write the types that ktrace reads of a kernel into FILE: from its vmlinux, and from modules
    that ktrace looks into (squashfs.ko).

    Run it where the kernel was built: it takes the types from the debug information, by pahole. Put
    FILE on the board as /etc/ktrace/btf/RELEASE.btf, or name it by --btf. Of a 32-bit ARM kernel it
    writes the unwind tables, too, into FILE with the suffix .unwind: ktrace finds them there, or by
    --unwind."""
    from ktrace.board.make import make as made_of

    made = made_of(vmlinux, modules)
    _write(output, made.data)
    say(f"{output}: {len(made.data) / 1000:.1f} kB, types of a {8 * made.word_bytes}-bit kernel")
    if made.unwind:
        path = unwind_file(output)
        _write(path, made.unwind)
        say(
            f"{path}: {len(made.unwind) / 1000:.1f} kB, unwind tables: for the machine that decodes"
        )
    if not made.has_squashfs:
        say("squashfs is not in it: where it is a module, give squashfs.ko, too")
    return ExitCode.CLEAN


def _write(path: str, data: bytes) -> None:
    try:
        replace_file(path, data, 0o666)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from None

"""ktrace dmesg: findings from a kernel log, without privilege."""

import click

from ktrace.commands.source_option import source_lines, vmlinux_option
from ktrace.errors import ExitCode, UsageError


@click.command("dmesg")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
@click.option(
    "--alarms/--no-alarms",
    default=True,
    help="Alarms alone (oopses, lockups, I/O errors, ...) give exit code 1.  [default: they do]",
)
@click.option(
    "--known",
    "known_files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="More known bugs, in the form of ktrace's own known_bugs.toml.",
)
@vmlinux_option
def dmesg(
    files: tuple[str, ...],
    as_json: bool,
    alarms: bool,
    known_files: tuple[str, ...],
    debug_files: tuple[str, ...],
) -> ExitCode:
    """Find what is wrong in kernel logs: bad pages and their cause, OOM kills, hung
    tasks, and every other alarm.

    FILE may come from dmesg, syslog, journalctl, /dev/kmsg, a serial console, netconsole, pstore or
    a CI system, of any kernel since 2.6.29, also from a mail or a web page, and compressed by gzip,
    xz or zstd; "-" is stdin. Several files are one log: rotated ones oldest first, the parts of
    pstore in their order, others as they are given. Without FILE it is the log of the running
    kernel.
    """
    from ktrace.known_bugs import Catalogue
    from ktrace.log_run import run
    from ktrace.views.finding_notes import FindingNotes
    from ktrace.views.log_view import log_view

    try:
        known = Catalogue(known_files)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read known bugs: {error}") from None
    source = source_lines(debug_files)
    return run(files, log_view(as_json, FindingNotes(known, source)), alarms=alarms)

"""ktrace dmesg: findings from a kernel log, without privilege."""

import click

from ktrace.commands.known_option import catalogue, known_option
from ktrace.commands.source_option import source_lines, vmlinux_option
from ktrace.errors import ExitCode


@click.command("dmesg")
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
@click.option(
    "--alarms/--no-alarms",
    default=True,
    help="Alarms alone (oopses, lockups, I/O errors, ...) give exit code 1.  [default: they do]",
)
@known_option
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
    from ktrace.log_run import run
    from ktrace.views.finding_notes import FindingNotes
    from ktrace.views.log_view import log_view

    notes = FindingNotes(catalogue(known_files), source_lines(debug_files))
    return run(files, log_view(as_json, notes), alarms=alarms)

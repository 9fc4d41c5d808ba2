"""ktrace dmesg: findings from a kernel log, without privilege."""

import click

from ktrace.errors import ExitCode, UsageError


@click.command("dmesg")
@click.argument("file", required=False, type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
@click.option(
    "--alarms/--no-alarms",
    default=True,
    help="Do alarms alone (oopses, lockups, I/O errors ...) make exit code 1?  [default: they do]",
)
@click.option(
    "--known",
    "known_files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="More known bugs, in the form of ktrace's own known_bugs.toml.",
)
@click.option(
    "--vmlinux",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="The kernel with debug information: show where in the source the frames are.",
)
def dmesg(
    file: str | None,
    as_json: bool,
    alarms: bool,
    known_files: tuple[str, ...],
    vmlinux: str | None,
) -> ExitCode:
    """Say what the kernel log FILE tells: bad pages and who is to blame, OOM kills, hung tasks,
    and every other alarm.

    FILE may be what dmesg, syslog, journalctl, /dev/kmsg, a serial console or a CI system gave, of
    any kernel since 2.6.29, also from a mail or a web page, and packed by gzip, xz or zstd; "-" is
    stdin; without FILE it is the running kernel's log.

    Exit code 1: bad pages, hung tasks, an OOM livelock or alarms were found. OOM kills are shown,
    but are no findings. Exit code 2: FILE cannot be read, or is no kernel log.
    """
    from ktrace.kernel.source_lines import SourceLines
    from ktrace.known_bugs import Catalogue
    from ktrace.log_run import run
    from ktrace.views.finding_notes import FindingNotes
    from ktrace.views.log_view import log_view

    try:
        known = Catalogue(known_files)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read known bugs: {error}") from None
    source = SourceLines(vmlinux) if vmlinux else None
    return run(file, log_view(as_json, FindingNotes(known, source)), alarms=alarms)

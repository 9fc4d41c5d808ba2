"""ktrace dmesg: findings from a kernel log, without privilege."""

import click

from ktrace.errors import ExitCode


@click.command("dmesg")
@click.argument("file", required=False, type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
@click.option(
    "--alarms/--no-alarms",
    default=True,
    help="Do alarms alone (oopses, lockups, I/O errors ...) make exit code 1?  [default: they do]",
)
def dmesg(file: str | None, as_json: bool, alarms: bool) -> ExitCode:
    """Say what the kernel log FILE tells: bad pages and who is to blame, OOM kills, hung tasks,
    and every other alarm.

    FILE may be what dmesg, syslog, journalctl, /dev/kmsg, a serial console or a CI system gave, of
    any kernel since 2.6.29, also from a mail or a web page, and packed by gzip, xz or zstd; "-" is
    stdin; without FILE it is the running kernel's log.

    Exit code 1: bad pages, hung tasks, an OOM livelock or alarms were found. OOM kills are shown,
    but are no findings. Exit code 2: FILE cannot be read, or is no kernel log.
    """
    from ktrace.log_run import run
    from ktrace.views.log_view import log_view

    return run(file, log_view(as_json), alarms=alarms)

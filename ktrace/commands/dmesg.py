"""ktrace dmesg: findings from a kernel log, without privilege."""

import click

from ktrace.errors import ExitCode


@click.command("dmesg")
@click.argument("file", required=False, type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
def dmesg(file: str | None, as_json: bool) -> ExitCode:
    """Say what the kernel log FILE tells: bad pages and who is to blame, OOM kills, hung tasks.

    FILE may be what dmesg, syslog, journalctl (-o short, json) or /dev/kmsg gave, of any kernel
    since 2.6.29, also from a mail; "-" is stdin; without FILE it is the running kernel's log.

    Exit code 1: bad pages or an OOM livelock were found. OOM kills and hung tasks are shown, but
    are no findings.
    """
    from ktrace.log_run import run
    from ktrace.views.log_view import log_view

    return run(file, log_view(as_json))

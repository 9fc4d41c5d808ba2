"""ktrace watch: all problems, always on, as a service."""

import os
import re
from typing import TYPE_CHECKING

import click

from ktrace.commands.options import (
    Seconds,
    btf_option,
    filter_options,
    loader_option,
    parse_size,
    stuck_after_option,
    unwind_option,
)
from ktrace.errors import ExitCode, UsageError
from ktrace.live.options import Options
from ktrace.live.run import run
from ktrace.task_filter import TaskFilter
from ktrace.views.json_lines import JsonLinesView
from ktrace.views.lines import LinesView
from ktrace.views.view import View

if TYPE_CHECKING:
    from ktrace.watch.journal import Journal
    from ktrace.watch.metrics import Metrics
    from ktrace.watch.otlp import Otlp

_UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def _parse_time(_ctx: click.Context, _param: click.Parameter, value: str | None) -> float | None:
    """Seconds, of "90", "60s", "10m", "1h", "1d"."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)(s|m|min|h|d|)", value)
    if not found or not float(found[1]):
        raise click.BadParameter(f"{value!r} is not a time such as 60s, 10m, 1h or 1d")
    return float(found[1]) * _UNITS[found[2]]


_DEFAULT_SIZE, _DEFAULT_KEEP = "64M", "1G"


@click.command("watch")
@stuck_after_option
@click.option(
    "--all-blocked-after",
    type=Seconds(min=1),
    metavar="SECONDS",
    help="Also report tasks that nobody killed, asleep in D for so long; a look comes every 10 "
    "seconds.",
)
@click.option(
    "--traces",
    type=click.Path(),
    metavar="DIR",
    help="Record into DIR, in segments that can be read one by one.",
)
@click.option(
    "--segment-size",
    callback=parse_size,
    default=_DEFAULT_SIZE,
    show_default=True,
    metavar="SIZE",
    help="Begin a new segment at this size",
)
@click.option(
    "--segment-age",
    callback=_parse_time,
    default="1h",
    show_default=True,
    metavar="TIME",
    help="or when it is so old.",
)
@click.option(
    "--keep",
    callback=parse_size,
    default=_DEFAULT_KEEP,
    show_default=True,
    metavar="SIZE",
    help="Remove the oldest segments where there are more.",
)
@click.option(
    "--before",
    callback=_parse_time,
    metavar="TIME",
    help="Record only around findings: from so long before the first (60s) until so long after "
    "the last news.",
)
@click.option(
    "--journal/--no-journal",
    default=None,
    help="Findings go to systemd's journal, with fields.  [default: when it is a service]",
)
@click.option(
    "--metrics",
    metavar="[ADDRESS:]PORT|FILE.prom",
    help="Metrics for Prometheus: listen (on loopback, where no address is given), or write a file "
    "for node_exporter.",
)
@click.option(
    "--otlp", metavar="URL", help="Findings to an OpenTelemetry collector: http://localhost:4318."
)
@click.option(
    "-d", "--duration", callback=_parse_time, metavar="TIME", help="Stop after this time."
)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines on stdout.")
@click.option("--state", type=click.Path(), metavar="FILE", help="Keep bad pages over reboots.")
@loader_option
@btf_option
@unwind_option
@filter_options
def watch(
    stuck_after: float,
    all_blocked_after: float | None,
    traces: str | None,
    segment_size: int,
    segment_age: float,
    keep: int,
    before: float | None,
    journal: bool | None,
    metrics: str | None,
    otlp: str | None,
    duration: float | None,
    as_json: bool,
    state: str | None,
    loader: str,
    task_filter: TaskFilter,
) -> ExitCode:
    """Watch for everything, always: stuck tasks, OOM kills and livelocks, bad pages.

    As a service of systemd it tells when it has attached, that it is alive, and how many tasks are
    stuck (sd_notify).
    """
    if before is not None and traces is None:
        raise click.UsageError("--before goes with --traces DIR")
    options = Options(
        command="watch",
        duration=duration,
        stuck_after=stuck_after,
        blocked_after=all_blocked_after,
        all_waits=all_blocked_after is not None,
        traces=traces,
        segment_size=segment_size,
        segment_age=segment_age,
        keep=keep,
        before=before,
        state=state,
        loader=loader,
        filter=task_filter,
    )
    return run(options, _view(as_json, journal, metrics, otlp))


def _view(as_json: bool, journal: bool | None, metrics: str | None, otlp: str | None) -> View:
    from ktrace.watch.notify import Notifier
    from ktrace.watch.view import WatchView

    lines: View = JsonLinesView() if as_json else LinesView()
    notifier = Notifier.of_environment()
    to_journal = _journal(journal, as_json)
    sinks = [sink for sink in (to_journal, _otlp(otlp)) if sink]
    return WatchView(lines, notifier, sinks, _metrics(metrics), shows_findings=to_journal is None)


def _journal(wanted: bool | None, as_json: bool) -> "Journal | None":
    """Where journald does not listen, findings are lines, unless --journal asks for it."""
    if wanted is None:
        wanted = "JOURNAL_STREAM" in os.environ and not as_json
        required = False
    else:
        required = wanted
    if not wanted:
        return None
    from ktrace.watch.journal import SOCKET, Journal

    try:
        return Journal(SOCKET)
    except OSError as error:
        if required:
            raise UsageError(f"cannot reach {SOCKET}: {error.strerror or error}") from None
        return None


def _otlp(url: str | None) -> "Otlp | None":
    if url is None:
        return None
    try:
        from ktrace.watch.otlp import Otlp
    except ImportError:
        raise UsageError(
            "--otlp needs OpenTelemetry's SDK and its exporter", hint="pip install 'ktrace[otlp]'"
        ) from None
    return Otlp(url)


def _metrics(where: str | None) -> "Metrics | None":
    if where is None:
        return None
    try:
        from ktrace.watch.metrics import Metrics
    except ImportError:
        raise UsageError(
            "--metrics needs prometheus_client",
            hint="install python3-prometheus-client, or ktrace[metrics]",
        ) from None
    return Metrics(where)

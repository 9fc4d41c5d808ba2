"""ktrace export, ktrace fleet: traces of many machines as tables, and questions to them."""

import importlib.util
import os
import sys
import time
from typing import TYPE_CHECKING

import click

from ktrace.commands.group import Group
from ktrace.errors import ExitCode, UsageError
from ktrace.views.output import complain, say

if TYPE_CHECKING:
    from ktrace.fleet.report import FleetReport

_NEEDS = ("pyarrow", "duckdb")


@click.command("export")
@click.argument("traces", nargs=-1, required=True, metavar="TRACES...")
@click.option("-o", "--output", "url", required=True, metavar="DATASET", help="Directory or URL.")
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    default=os.cpu_count() or 1,
    help="Processes.  [default: one for each CPU]",
)
def export(traces: tuple[str, ...], url: str, jobs: int) -> ExitCode:
    """Put traces, and directories of them, into a dataset of Parquet tables.

    Only what is not in it yet is read. Exit code 2 if something was no trace; the rest is in.
    """
    _require()
    from ktrace.fleet.export import export as run

    started = time.monotonic()
    done = run(traces, url, jobs)
    for line in done.refused:
        complain(f"ktrace: {line}")
    took = time.monotonic() - started
    say(
        f"{done.traces} traces with {done.sessions} sessions put into {url} in {took:.1f}s; "
        f"{done.known} were in it already, {len(done.refused)} are no traces"
    )
    return ExitCode.USAGE if done.refused else ExitCode.CLEAN


@click.group("fleet", cls=Group)
def fleet() -> None:
    """Ask the dataset that `ktrace export` made of the traces of many machines."""


_engine_option = click.option(
    "--engine",
    default="duckdb",
    show_default=True,
    metavar="ENGINE",
    help="duckdb, or a Spark master such as local[*] or spark://HOST:7077; Spark opens the files "
    "of DATASET itself.",
)


def _parse_kernels(
    _ctx: click.Context, _param: click.Parameter, value: tuple[str, str] | None
) -> tuple[str, str] | None:
    """ "kernel=6.1.0" is the same as "6.1.0"."""
    return (value[0].removeprefix("kernel="), value[1].removeprefix("kernel=")) if value else None


@fleet.command("report")
@click.argument("url", metavar="DATASET")
@click.option(
    "--compare",
    "kernels",
    nargs=2,
    callback=_parse_kernels,
    metavar="BEFORE AFTER",
    help="Two kernels: was it fixed?",
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json", "html"]),
    default="text",
    show_default=True,
)
@click.option("--json", "style", flag_value="json", help="The same as --format json.")
@_engine_option
def report(url: str, kernels: tuple[str, str] | None, style: str, engine: str) -> ExitCode:
    """What the fleet waits for, on which kernels, since when, and what came back.

    Exit code 1 if a session of the dataset found something.
    """
    _require()
    from ktrace.fleet.dataset import Dataset
    from ktrace.fleet.engine import open_engine
    from ktrace.fleet.report import fleet_report

    found = fleet_report(open_engine(Dataset(url), engine), kernels)
    totals = found.tables["totals"][0]
    if not totals["sessions"]:
        raise UsageError(f"{url} has no sessions", hint="ktrace export TRACES... -o DATASET")
    for line in _shown(found, url, style):
        say(line)
    if totals["found"]:
        return ExitCode.FOUND
    return ExitCode.INCONCLUSIVE if totals["inconclusive"] else ExitCode.CLEAN


def _shown(report: "FleetReport", url: str, style: str) -> list[str]:
    if style == "html":
        from ktrace.views.fleet_html import html_text

        return html_text(report, url).split("\n")
    from ktrace.views.fleet_text import json_text, text_lines

    return [json_text(report)] if style == "json" else text_lines(report)


@fleet.command("sql")
@click.argument("url", metavar="DATASET")
@click.argument("query", required=False)
@_engine_option
def sql(url: str, query: str | None, engine: str) -> None:
    """Answer a QUERY in SQL; without one, each line of stdin is a query.

    The views are sessions, kills, stuck, findings and bad_pages (docs/fleet.md).
    """
    _require()
    from ktrace.fleet.dataset import Dataset
    from ktrace.fleet.engine import QueryError, open_engine
    from ktrace.views.fleet_text import table_lines

    asked = open_engine(Dataset(url), engine)
    for text in [query] if query else sys.stdin:
        if not text.strip():
            continue
        try:
            rows = asked.ask(text)
        except QueryError as error:
            if query:
                raise UsageError(str(error)) from None
            complain(f"ktrace: {error}")
        else:
            for line in table_lines(rows):
                say(line)


def _require() -> None:
    missing = [name for name in _NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"the fleet commands need {' and '.join(missing)}", hint="pip install 'ktrace[fleet]'"
        )

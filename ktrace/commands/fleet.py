"""ktrace export, ktrace fleet: traces of many machines as tables, and questions to them."""

import importlib.util
import os
import sys
import time

import click

from ktrace.commands.group import Group
from ktrace.errors import ExitCode, UsageError
from ktrace.views.output import complain, say

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
    from ktrace.views.progress import Progress

    bar: list[Progress] = []

    def progress(done: int, of: int) -> None:
        bar[:] = bar or [Progress(of)]
        bar[0].update(done)

    started = time.monotonic()
    done = run(traces, url, jobs, progress)
    for shown in bar:
        shown.clear()
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


@fleet.command("report")
@click.argument("url", metavar="DATASET")
@click.option(
    "--compare", "kernels", nargs=2, metavar="BEFORE AFTER", help="Two kernels: was it fixed?"
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def report(url: str, kernels: tuple[str, str] | None, as_json: bool) -> ExitCode:
    """What the fleet waits for, on which kernels, since when, and what came back.

    Exit code 1 if a session of the dataset found something.
    """
    _require()
    from ktrace.fleet.dataset import Dataset
    from ktrace.fleet.engine import Engine
    from ktrace.fleet.report import fleet_report
    from ktrace.views import fleet_text

    found = fleet_report(Engine(Dataset(url)), kernels)
    totals = found.tables["totals"][0]
    if not totals["sessions"]:
        raise UsageError(f"{url} has no sessions", hint="ktrace export TRACES... -o DATASET")
    for line in [fleet_text.json_text(found)] if as_json else fleet_text.text_lines(found):
        say(line)
    if totals["found"]:
        return ExitCode.FOUND
    return ExitCode.INCONCLUSIVE if totals["inconclusive"] else ExitCode.CLEAN


@fleet.command("sql")
@click.argument("url", metavar="DATASET")
@click.argument("query", required=False)
def sql(url: str, query: str | None) -> None:
    """Answer a QUERY in SQL; without one, each line of stdin is a query.

    The views are sessions, kills, stuck, findings and ram_cells (docs/fleet.md).
    """
    _require()
    import duckdb

    from ktrace.fleet.dataset import Dataset
    from ktrace.fleet.engine import Engine
    from ktrace.views.fleet_text import table_lines

    engine = Engine(Dataset(url))
    queries = [query] if query else sys.stdin
    for text in queries:
        try:
            rows = engine.ask(text) if text.strip() else []
        except duckdb.Error as error:
            if query:
                raise UsageError(str(error)) from None
            complain(f"ktrace: {error}")
            continue
        for line in table_lines(rows) if text.strip() else ():
            say(line)


def _require() -> None:
    missing = [name for name in _NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"the fleet commands need {' and '.join(missing)}", hint="pip install 'ktrace[fleet]'"
        )

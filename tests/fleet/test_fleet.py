"""From traces to a dataset, once each, and what is asked of it."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ktrace.commands import fleet as commands
from ktrace.errors import UsageError
from ktrace.fleet.dataset import Dataset
from ktrace.fleet.engine import open_engine
from ktrace.fleet.export import Exported, export
from ktrace.fleet.report import _test, fleet_report
from ktrace.fleet.rows import read_trace
from ktrace.fleet.tables import TABLES
from ktrace.trace.format import FORMAT, encode_line
from tests.factories import session
from tests.test_examples import EXAMPLES

pytestmark = pytest.mark.unit

HANG = EXAMPLES / "squashfs-hang" / "squashfs-stall.ktrace.gz"
BITS = EXAMPLES / "bad-ram"
KERNEL = "6.1.0-56-cloud-amd64"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(
        {"export": commands.export}.get(arguments[0], commands.fleet),
        arguments[1:] if arguments[0] == "export" else arguments,
        catch_exceptions=False,
        standalone_mode=False,
    )


@pytest.fixture
def dataset(tmp_path: Path) -> str:
    url = str(tmp_path / "dataset")
    export([str(HANG), str(BITS)], url, jobs=1)
    return url


def ask(url: str, sql: str) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in open_engine(Dataset(url)).ask(sql)]


def test_rows_have_the_columns_of_their_table() -> None:
    (one,) = read_trace(str(HANG))
    for name, rows in one.rows.items():
        for row in rows:
            assert row.keys() | {"part"} == set(TABLES[name].names)
    assert one.kernel == KERNEL
    assert len(one.rows["stuck"]) == 14


def test_a_trace_counts_once(tmp_path: Path, dataset: str) -> None:
    again = tmp_path / "renamed.ktrace.gz"
    shutil.copy(HANG, again)
    assert export([str(HANG), str(again)], dataset, jobs=1) == Exported(1, 1, 1, ())
    assert ask(dataset, "SELECT count(*) FROM sessions") == [(4,)]
    assert ask(dataset, "SELECT count(*) FROM all_sessions") == [(5,)]
    assert ask(dataset, "SELECT count(*) FROM stuck") == [(14,)]


def test_of_a_trace_that_has_grown_the_newest_counts(tmp_path: Path) -> None:
    lines = (BITS / "boot-1.ktrace").read_bytes().splitlines(keepends=True)
    trace, url = tmp_path / "growing.ktrace", str(tmp_path / "dataset")
    trace.write_bytes(b"".join(lines[: len(lines) // 2]))
    export([str(trace)], url, jobs=1)
    ((torn, records),) = ask(url, "SELECT torn, records FROM sessions")
    assert torn
    trace.write_bytes(b"".join(lines))
    export([str(trace)], url, jobs=1)
    ((torn, more),) = ask(url, "SELECT torn, records FROM sessions")
    assert not torn
    assert more > records


def test_a_torn_trace_is_not_clean(tmp_path: Path) -> None:
    first = (BITS / "boot-1.ktrace").read_bytes().splitlines(keepends=True)[0]
    trace, url = tmp_path / "torn.ktrace", str(tmp_path / "dataset")
    trace.write_bytes(first)
    export([str(trace)], url, jobs=1)
    assert ask(url, "SELECT verdict, torn FROM sessions") == [("inconclusive", True)]


def test_an_export_that_was_broken_off_leaves_nothing(tmp_path: Path, dataset: str) -> None:
    for part in (Path(dataset) / "_parts").iterdir():
        part.unlink()
    assert ask(dataset, "SELECT count(*) FROM sessions") == [(0,)]
    assert export([str(HANG), str(BITS)], dataset, jobs=2) == Exported(4, 4, 0, ())
    assert ask(dataset, "SELECT count(*) FROM sessions") == [(4,)]


def test_what_is_no_trace_is_told_and_the_rest_is_in(tmp_path: Path) -> None:
    (tmp_path / "x.ktrace").write_text("no trace\n")
    done = run("export", str(tmp_path / "x.ktrace"), str(HANG), "-o", str(tmp_path / "d"), "-j1")
    assert done.return_value == 2
    assert "1 traces with 1 sessions" in done.output
    assert "x.ktrace is not a ktrace trace" in done.output


def test_hostile_names_stay_in_the_dataset(tmp_path: Path) -> None:
    kernel = "../../../\x1b[31m/x"
    trace, url = tmp_path / "x.ktrace", str(tmp_path / "d")
    trace.write_bytes(encode_line(session(kernel=kernel, format=FORMAT).to_json()))
    export([str(trace)], url, jobs=1)
    assert {path.name for path in tmp_path.iterdir()} == {"x.ktrace", "d"}
    assert ask(url, "SELECT kernel FROM sessions") == [(kernel,)]
    assert "\x1b" not in run("report", url).output


def test_report(dataset: str) -> None:
    done = run("report", dataset)
    assert done.return_value == 1
    assert "squashfs_cache_get  wait_event" in done.output
    bits = fleet_report(open_engine(Dataset(dataset))).tables["bad bits that came back"]
    assert [(row["page"], row["bits"], row["sessions"]) for row in bits] == [
        ("0x1f6848c0", "0x4000", 3)
    ]


def test_report_as_json(dataset: str) -> None:
    done = run("report", dataset, "--json", "--compare", KERNEL, "6.12")
    told = json.loads(done.output)
    assert told["totals"][0]["sessions"] == 4
    assert told["compared"]["p_fewer"] is None
    assert told["compared"]["why"] == "no kill on 6.12"


def test_report_as_a_page(dataset: str) -> None:
    page = run(
        "report", dataset, "--format", "html", "--compare", f"kernel={KERNEL}", "6.12"
    ).output
    assert page.startswith("<!DOCTYPE html>")
    assert "<td>squashfs_cache_get</td>" in page
    assert "no kill on 6.12" in page


def test_many_machines_are_compared() -> None:
    """By the approximation for many; and not at all where one side has few."""
    shares = {"old": [0.5] * 30, "new": [0.0] * 30, "few": [0.0] * 5}
    assert _test(shares["old"], shares["new"])[0] == pytest.approx(0, abs=1e-6)
    p, why = _test(shares["old"] * 2, shares["few"])
    assert p is None
    assert why == "fewer than 10 machines against more than 30"


def test_time_to_death(dataset: str) -> None:
    """Each process once, in the bucket of the smallest bound that holds."""
    deaths = fleet_report(open_engine(Dataset(dataset))).tables["time to death"]
    ((kills,),) = ask(dataset, "SELECT count(*) FROM kills")
    assert sum(row["kills"] for row in deaths) == kills
    assert [row["at_most_s"] for row in deaths if row["kills"]][-1] == 100


def test_an_empty_dataset_is_no_clean_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no sessions"):
        run("report", str(tmp_path))


def test_sql(dataset: str) -> None:
    assert run("sql", dataset, "SELECT count(*) AS n FROM kills").output.split()[0] == "n"
    with pytest.raises(UsageError, match="nothing_like_it"):
        run("sql", dataset, "SELECT * FROM nothing_like_it")


def test_a_newer_dataset_is_refused(dataset: str) -> None:
    part = next((Path(dataset) / "_parts").iterdir())
    part.write_text(part.read_text().replace('"version": 1', '"version": 99'))
    with pytest.raises(UsageError, match="newer ktrace"):
        ask(dataset, "SELECT 1")

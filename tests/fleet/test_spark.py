"""Spark, in this machine's own processes, gives the answers that DuckDB gives."""

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.fleet import KERNELS, generate
from ktrace.errors import UsageError
from ktrace.fleet.dataset import Dataset
from ktrace.fleet.engine import DUCKDB, Engine, QueryError, open_engine
from ktrace.fleet.export import export
from ktrace.fleet.report import fleet_report

pytestmark = [
    pytest.mark.unit,
    # of pyspark's own code, which py4j runs in threads of its own
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Of sixteen machines that were made up."""
    folder = tmp_path_factory.mktemp("fleet")
    (folder / "traces").mkdir()
    generate(folder / "traces", machines=16, sessions=1)
    export([str(folder / "traces")], str(folder / "dataset"), jobs=1)
    return Dataset(str(folder / "dataset"))


@pytest.fixture(scope="module")
def spark(dataset: Dataset) -> Iterator[Engine]:
    if importlib.util.find_spec("pyspark") is None or shutil.which("java") is None:
        reason = "no pyspark, or no java (Debian: openjdk-17-jre-headless)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    from pyspark.sql import SparkSession

    yield open_engine(dataset, "local[1]")
    SparkSession.active().stop()


def test_the_same_report(dataset: Dataset, spark: Engine) -> None:
    kernels = (KERNELS[0], KERNELS[1])
    one, other = (fleet_report(engine, kernels) for engine in (open_engine(dataset), spark))
    assert one.tables.keys() == other.tables.keys()
    for name, rows in one.tables.items():
        told = other.tables[name]
        assert [row.keys() for row in rows] == [row.keys() for row in told]
        for row, same in zip(rows, told, strict=True):
            # sums of floating-point numbers, added up in another order
            assert list(row.values()) == pytest.approx(list(same.values())), name
    assert one.compared is not None
    assert one.compared.p_fewer is not None
    assert other.compared is not None
    assert other.compared.p_fewer == pytest.approx(one.compared.p_fewer)


def test_a_query_that_is_none(spark: Engine) -> None:
    with pytest.raises(QueryError, match="nothing_like_it"):
        spark.ask("SELECT * FROM nothing_like_it")


def test_an_empty_dataset(tmp_path: Path, spark: Engine) -> None:
    empty = open_engine(Dataset(str(tmp_path)), "local[1]")
    assert empty.ask("SELECT count(*) AS n FROM sessions") == [{"n": 0}]


def test_an_engine_that_nobody_knows(dataset: Dataset) -> None:
    with pytest.raises(UsageError, match="is no engine"):
        open_engine(dataset, "nonsense")
    assert open_engine(dataset, DUCKDB).ask("SELECT 1 AS one") == [{"one": 1}]

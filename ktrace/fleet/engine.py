"""What answers questions to a dataset: DuckDB in this process, or Spark where it is too large.

Both see a view for each table, of each session's newest export, and take the same SQL.
"""

import re
from typing import Any, Protocol

from ktrace.errors import KtraceError, UsageError
from ktrace.fleet.dataset import Dataset
from ktrace.fleet.queries import NEWEST, ROWS
from ktrace.fleet.tables import TABLES

Table = list[dict[str, Any]]
DUCKDB = "duckdb"
_SPARK = re.compile(r"local(\[.*\])?$|yarn$|(spark|mesos|k8s|sc)://.")


class QueryError(KtraceError):
    """The engine does not take the query."""


class Engine(Protocol):
    """Asks one dataset."""

    def ask(self, sql: str) -> Table:
        """The rows of the answer. Raises QueryError."""
        ...


def open_engine(dataset: Dataset, name: str = DUCKDB) -> Engine:
    """name: duckdb; a Spark master: local[*], spark://HOST:7077, yarn, k8s://...; or the address
    of a Spark Connect server: sc://HOST:15002."""
    if name == DUCKDB:
        from ktrace.fleet.duckdb_engine import DuckDbEngine

        return DuckDbEngine(dataset)
    if not _SPARK.match(name):
        raise UsageError(f"{name} is no engine", hint="duckdb, local[*] or spark://HOST:7077")
    try:
        from ktrace.fleet.spark_engine import SparkEngine
    except ImportError:
        raise UsageError(
            f"--engine {name} needs pyspark", hint="pip install 'ktrace[spark]'"
        ) from None
    return SparkEngine(dataset, name)


def views() -> list[tuple[str, str]]:
    """Name and query of each, over the tables all_NAME; in the order in which they are made."""
    return [("newest", NEWEST), *((name, ROWS.format(table=name)) for name in TABLES)]

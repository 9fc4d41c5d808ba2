"""Spark over a dataset: for one that is too large for a machine. It reads the files itself, so
each of its workers has to reach them under the same path or URL.
"""

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from ktrace.errors import UsageError
from ktrace.fleet.dataset import Dataset
from ktrace.fleet.engine import QueryError, Table, views
from ktrace.fleet.tables import TABLES

_OPTIONS = {
    "spark.app.name": "ktrace fleet",
    "spark.sql.session.timeZone": "UTC",
    # "by" is a column, as the standard and DuckDB have it, and no string
    "spark.sql.ansi.enabled": "true",
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
    "spark.log.level": "ERROR",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
_TYPES = {
    "string": "string",
    "int64": "bigint",
    "double": "double",
    "bool": "boolean",
    "timestamp[us, tz=UTC]": "timestamp",
}


class SparkEngine:
    """See ktrace.fleet.engine."""

    def __init__(self, dataset: Dataset, master: str) -> None:
        builder = SparkSession.builder.config(map=dict(_OPTIONS))
        if master.startswith("local"):  # not the 200 of a cluster
            builder = builder.config("spark.sql.shuffle.partitions", "4")
        builder = builder.remote(master) if master.startswith("sc://") else builder.master(master)
        try:
            self._spark = builder.getOrCreate()
        except Exception as error:  # Java is missing, or the master: Spark has no common class
            raise UsageError(f"cannot use Spark at {master}: {error}") from None
        for name in TABLES:
            self._read(dataset, name).createOrReplaceTempView(f"all_{name}")
        for name, query in views():
            self._spark.sql(query).createOrReplaceTempView(name)

    def _read(self, dataset: Dataset, name: str) -> DataFrame:
        schema, files = _schema(name), dataset.urls(name)
        if not files:
            return self._spark.createDataFrame([], schema)
        # recursiveFileLookup: columns come from the files, not from the names of their folders
        reader = self._spark.read.schema(schema).option("recursiveFileLookup", "true")
        return reader.parquet(*files)

    def ask(self, sql: str) -> Table:
        try:
            return [row.asDict() for row in self._spark.sql(sql).collect()]
        except PySparkException as error:
            raise QueryError(str(error).partition("\n")[0]) from None


def _schema(name: str) -> str:
    """In Spark's DDL."""
    return ", ".join(f"`{column.name}` {_TYPES[str(column.type)]}" for column in TABLES[name])

"""DuckDB over a dataset, in this process."""

import duckdb

from ktrace.fleet.dataset import Dataset
from ktrace.fleet.engine import QueryError, Table, views
from ktrace.fleet.tables import TABLES


class DuckDbEngine:
    """See ktrace.fleet.engine."""

    def __init__(self, dataset: Dataset) -> None:
        self._connection = duckdb.connect()
        self._connection.execute("SET TimeZone = 'UTC'")
        for name in TABLES:
            self._connection.register(f"all_{name}", dataset.table(name))
        for name, query in views():
            self._connection.execute(f"CREATE VIEW {name} AS {query}")

    def ask(self, sql: str) -> Table:
        try:
            cursor = self._connection.execute(sql)
            names = [column[0] for column in cursor.description or ()]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        except duckdb.Error as error:
            raise QueryError(str(error)) from None

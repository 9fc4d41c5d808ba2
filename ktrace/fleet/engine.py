"""DuckDB over a dataset: a view for each table, of each session's newest export."""

from typing import Any

import duckdb

from ktrace.fleet.dataset import Dataset
from ktrace.fleet.queries import NEWEST, ROWS
from ktrace.fleet.tables import TABLES

Table = list[dict[str, Any]]


class Engine:
    """Asks one dataset."""

    def __init__(self, dataset: Dataset) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")
        for name in TABLES:
            self.connection.register(f"all_{name}", dataset.table(name))
        self.connection.execute(f"CREATE VIEW newest AS {NEWEST}")
        for name in TABLES:
            self.connection.execute(f"CREATE VIEW {name} AS {ROWS.format(table=name)}")

    def ask(self, sql: str) -> Table:
        """The rows of the answer. Raises duckdb.Error."""
        cursor = self.connection.execute(sql)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

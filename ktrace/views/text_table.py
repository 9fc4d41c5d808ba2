"""A table as plain text: columns as wide as their widest cell, two spaces between them."""

from collections.abc import Sequence


def text_table(rows: Sequence[Sequence[str]], indent: str = "") -> list[str]:
    """Lines without trailing spaces. All rows have as many cells as the first; none: no lines."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [indent + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]

"""The tables of docs/waits.md: `python -m tests.waits.markdown` prints them."""

from collections.abc import Sequence

from ktrace.waits.by_function import NAMED_WAITS
from ktrace.waits.table import KINDS

BEGIN, END = "<!-- made by python -m tests.waits.markdown -->", "<!-- made until here -->"


def tables() -> str:
    """With the marks between which they stand."""
    read = [
        (f"`{kind.name}`", kind.tells, kind.holder, kind.released, kind.seen or "-")
        for kind in KINDS
    ]
    functions: dict[str, list[str]] = {}
    for function, named in NAMED_WAITS.items():
        functions.setdefault(named.kind, []).append(f"`{function}()`")
    return "\n".join(
        [
            BEGIN,
            "",
            "Read from memory, with the object and, where there is one, the holder:",
            "",
            *_table(("kind", "what is told", "holder", "released by", "seen on"), read),
            "",
            "Named by a function on the stack alone, in traces of other loaders too:",
            "",
            *_table(
                ("kind", "functions"),
                [(f"`{kind}`", ", ".join(names)) for kind, names in functions.items()],
            ),
            "",
            END,
        ]
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cells)} |" for cells in lines]


if __name__ == "__main__":
    print(tables())

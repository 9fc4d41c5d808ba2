"""What is read in one piece, though it has many lines."""

from collections.abc import Iterator

from ktrace.sources.log.whole_dump import WholeDump, with_dumps
from ktrace.sources.log.whole_memory import WholeMemory, with_memory
from ktrace.sources.log.whole_table import WholeTable, with_tables
from ktrace.sources.log.whole_trace import WholeTrace, with_traces

Whole = WholeTrace | WholeTable | WholeDump | WholeMemory


def with_wholes(body: str) -> Iterator[str | Whole]:
    """Of lines, with a line feed before the first and after the last: those between such pieces
    (each with its end), and the pieces, in order."""
    for between in with_traces(body):
        if not isinstance(between, str):
            yield between
            continue
        for lines in with_tables(between):
            if not isinstance(lines, str):
                yield lines
                continue
            for rest in with_memory(lines):
                if isinstance(rest, str):
                    yield from with_dumps(rest)
                else:
                    yield rest

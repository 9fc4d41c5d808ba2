"""Which of several files is the rest of another: ktrace --spill wrote it, since the file system of
the trace hung when the run ended. The two are read as one trace."""

import os
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ktrace.errors import UsageError
from ktrace.findings import Session
from ktrace.trace.reader import Rest, TraceFile


def with_rests(paths: Sequence[str]) -> Iterator[tuple[str, Rest | None]]:
    """Each trace, with its rest if that is the next of the paths."""
    sessions = [_session(path) if len(paths) > 1 else None for path in paths]
    is_rest = [False, *(_continues(*pair) for pair in pairwise(sessions))]
    for at, path in enumerate(paths):
        if is_rest[at]:
            continue
        found = sessions[at + 1] if at + 1 < len(paths) and is_rest[at + 1] else None
        yield path, Rest(paths[at + 1], found.rest_from or 0) if found else None


def _session(path: str) -> Session | None:
    """None for what cannot be read twice, or at all: it is opened again later."""
    if not os.path.isfile(path):
        return None
    try:
        with TraceFile(path) as trace:
            return trace.session
    except UsageError:
        return None


def _continues(first: Session | None, second: Session | None) -> bool:
    return (
        first is not None
        and second is not None
        and second.rest_from is not None
        and first.rest_from is None
        and (first.boot_id, first.t) == (second.boot_id, second.t)
    )

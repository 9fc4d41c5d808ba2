"""Which of several files is the rest of another: ktrace --spill wrote it, since the file system of
the trace hung when the run ended. The two are read as one trace."""

import os
from collections.abc import Iterator, Sequence

from ktrace.errors import UsageError
from ktrace.findings import Session
from ktrace.trace.reader import Rest, TraceFile


def with_rests(paths: Sequence[str]) -> Iterator[tuple[str, Rest | None]]:
    """Each trace, with its rest if that is one of the paths, wherever: in a directory they need not
    be neighbours. A rest without its trace comes as a trace by itself."""
    sessions = [_session(path) if len(paths) > 1 else None for path in paths]
    rests: dict[int, Rest] = {}  # by the number of their trace's path
    for path, session in zip(paths, sessions, strict=True):
        whole = _trace_of(session, sessions)
        if session is not None and whole is not None:
            rests.setdefault(whole, Rest(path, session.rest_from or 0))
    joined = {rest.path for rest in rests.values()}
    for number, path in enumerate(paths):
        if path not in joined:
            yield path, rests.get(number)


def _trace_of(rest: Session | None, sessions: Sequence[Session | None]) -> int | None:
    """Which of them goes on in that rest; None: none, or it is no rest."""
    if rest is None or rest.rest_from is None:
        return None
    run = (rest.boot_id, rest.t)
    for number, one in enumerate(sessions):
        if one is not None and one.rest_from is None and (one.boot_id, one.t) == run:
            return number
    return None


def _session(path: str) -> Session | None:
    """None for what cannot be read twice, or at all: it is opened again later."""
    if not os.path.isfile(path):
        return None
    try:
        with TraceFile(path) as trace:
            return trace.session
    except UsageError:
        return None

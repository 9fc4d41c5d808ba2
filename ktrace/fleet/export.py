"""From trace files to a dataset: in parallel, and only what is not in it yet."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from ktrace.errors import KtraceError
from ktrace.fleet.dataset import Dataset, Source
from ktrace.fleet.rows import SessionRows, read_trace
from ktrace.parallel import each
from ktrace.record import record
from ktrace.trace.reader import Rest
from ktrace.trace.rests import with_rests

# Traces in a part, at most. It has a file for each table, day and kernel: with 200 a fleet of
# 10 000 machines had 52 000 small files, and a report took 174 s of CPU time
_BATCH = 2000
_SUFFIXES = (".ktrace", ".ktrace.gz")

_Trace = tuple[Source, str, Rest | None]


@record
class Exported:
    """traces and sessions: put in now. known: traces that were in it. refused: no traces, why."""

    traces: int
    sessions: int
    known: int
    refused: tuple[str, ...]


def export(paths: Sequence[str], url: str, jobs: int) -> Exported:
    """paths: traces, and directories in which traces are looked for, however deep."""
    known = Dataset(url).sources()
    found = [(_source(path), path, rest) for path, rest in with_rests([*_files(paths)])]
    new = [one for one in found if one[0] not in known]
    size = max(1, min(_BATCH, -(-len(new) // jobs)))
    batches = [new[at : at + size] for at in range(0, len(new), size)]
    in_all = sum(source.size for source, _, _ in new)
    told = each(partial(_export_batch, url), batches, in_all, jobs)
    sessions = sum(count for count, _ in told)
    refused = tuple(path for _, bad in told for path in bad)
    return Exported(len(new) - len(refused), sessions, len(found) - len(new), refused)


def _export_batch(
    url: str, batch: Sequence[_Trace], told: Callable[[int], None]
) -> tuple[int, list[str]]:
    """How many sessions, and what is no trace."""
    sessions: list[SessionRows] = []
    sources, refused = [], []
    before = 0
    for source, path, rest in batch:
        try:
            sessions += read_trace(path, rest, partial(_told, told, before))
        except (KtraceError, OSError) as error:
            refused.append(f"{path}: {error}")
        else:
            sources.append(source)
        before += source.size
    if sources:
        Dataset(url).write(sessions, sources)
    return len(sessions), refused


def _told(told: Callable[[int], None], before: int, now: int) -> None:
    told(before + now)


def _files(paths: Iterable[str]) -> Iterator[str]:
    for path in paths:
        if Path(path).is_dir():
            found = Path(path).rglob("*")
            yield from sorted(str(file) for file in found if file.name.endswith(_SUFFIXES))
        else:
            yield path


def _source(path: str) -> Source:
    whole = Path(path).absolute()
    try:
        status = whole.stat()
    except OSError:
        return Source(str(whole), 0, 0)
    return Source(str(whole), status.st_size, status.st_mtime_ns)

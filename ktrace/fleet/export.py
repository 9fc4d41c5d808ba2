"""From trace files to a dataset: in parallel, and only what is not in it yet."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from ktrace.errors import KtraceError
from ktrace.fleet.dataset import Dataset, Source
from ktrace.fleet.rows import SessionRows, read_trace
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


def export(
    paths: Sequence[str],
    url: str,
    jobs: int,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Exported:
    """paths: traces, and directories in which traces are looked for, however deep. progress is
    called with bytes done and bytes in all."""
    known = Dataset(url).sources()
    found = [(_source(path), path, rest) for path, rest in with_rests([*_files(paths)])]
    new = [one for one in found if one[0] not in known]
    total, done = sum(source.size for source, _, _ in new), 0
    sessions, refused = 0, []
    size = max(1, min(_BATCH, -(-len(new) // jobs)))
    batches = [new[at : at + size] for at in range(0, len(new), size)]
    with ProcessPoolExecutor(max_workers=jobs) as pool:
        waiting = {pool.submit(_export_batch, batch, url): batch for batch in batches}
        for future in as_completed(waiting):
            count, bad = future.result()
            sessions += count
            refused += bad
            done += sum(source.size for source, _, _ in waiting[future])
            progress(done, total)
    return Exported(len(new) - len(refused), sessions, len(found) - len(new), tuple(refused))


def _export_batch(batch: Sequence[_Trace], url: str) -> tuple[int, list[str]]:
    """How many sessions, and what is no trace."""
    sessions: list[SessionRows] = []
    sources, refused = [], []
    for source, path, rest in batch:
        try:
            sessions += read_trace(path, rest)
        except (KtraceError, OSError) as error:
            refused.append(f"{path}: {error}")
        else:
            sources.append(source)
    if sources:
        Dataset(url).write(sessions, sources)
    return len(sessions), refused


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

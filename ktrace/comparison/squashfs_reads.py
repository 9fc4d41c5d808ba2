"""What a run read from squashfs."""

from collections.abc import Iterable, Sequence

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.squashfs_use import SquashfsCaches
from ktrace.events import FILES
from ktrace.record import record

_FILES = 20


@record
class SquashfsReads:
    """What one run read. Bytes; None: not measured of each cache."""

    reads: int  # of pages: squashfs_readahead(), squashfs_read_folio()
    blocks: int
    again: int
    bytes_read: int | None
    bytes_inflated: int | None
    bytes_again: int | None
    thrashes: int
    files: frozenset[str]  # by path: those for which most was read


def reads_of(analysis: Analysis) -> SquashfsReads | None:
    """None: reads of pages were not counted."""
    if not analysis.measured("squashfs_readahead", "squashfs_read_folio", "squashfs_readpage"):
        return None
    caches = analysis.of(SquashfsCaches)
    uses = [window.newest for window in caches.windows.values()]
    inflated = _sum_of(use.measured(use.bytes_inflated) for use in uses)
    return SquashfsReads(
        reads=sum(use.calls for use in uses if use.name == FILES),
        blocks=sum(use.fills for use in uses),
        again=sum(use.again for use in uses),
        bytes_read=_sum_of(use.measured(use.bytes_read) for use in uses),
        bytes_inflated=inflated,
        bytes_again=None if inflated is None else sum(use.bytes_again for use in uses),
        thrashes=len(caches.found),
        files=frozenset(file.path for file in caches.busiest(count=_FILES) if file.path),
    )


def total_of(runs: Sequence[SquashfsReads | None]) -> SquashfsReads | None:
    """Of those that counted reads of pages."""
    known = [run for run in runs if run]
    if not known:
        return None
    return SquashfsReads(
        reads=sum(run.reads for run in known),
        blocks=sum(run.blocks for run in known),
        again=sum(run.again for run in known),
        bytes_read=_sum_of(run.bytes_read for run in known),
        bytes_inflated=_sum_of(run.bytes_inflated for run in known),
        bytes_again=_sum_of(run.bytes_again for run in known),
        thrashes=sum(run.thrashes for run in known),
        files=frozenset().union(*(run.files for run in known)),
    )


def _sum_of(numbers: Iterable[int | None]) -> int | None:
    """None where one of them was not measured."""
    known = list(numbers)
    return None if None in known else sum(filter(None, known))

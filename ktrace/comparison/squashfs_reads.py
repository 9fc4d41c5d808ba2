"""What a run read from squashfs."""

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.squashfs_use import SquashfsCaches
from ktrace.events import FILES
from ktrace.record import record

_FILES = 20


@record
class SquashfsReads:
    """What one run read. Bytes."""

    reads: int  # of pages: squashfs_readahead(), squashfs_read_folio()
    blocks: int
    again: int
    bytes_read: int
    bytes_inflated: int
    bytes_again: int
    thrashes: int
    files: frozenset[str]  # by path: those for which most was read


def reads_of(analysis: Analysis) -> SquashfsReads | None:
    """None: reads of pages were not counted."""
    if not analysis.measured("squashfs_readahead", "squashfs_read_folio", "squashfs_readpage"):
        return None
    caches = analysis.of(SquashfsCaches)
    uses = [window.newest for window in caches.windows.values()]
    return SquashfsReads(
        reads=sum(use.calls for use in uses if use.name == FILES),
        blocks=sum(use.fills for use in uses),
        again=sum(use.again for use in uses),
        bytes_read=sum(use.bytes_read for use in uses),
        bytes_inflated=sum(use.bytes_inflated for use in uses),
        bytes_again=sum(use.bytes_again for use in uses),
        thrashes=len(caches.found),
        files=frozenset(file.path for file in caches.busiest(count=_FILES) if file.path),
    )

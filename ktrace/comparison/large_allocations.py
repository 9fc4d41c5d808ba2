"""What a run counted of large allocations: told beside the verdict, which is about killed tasks."""

from collections.abc import Sequence

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.large_allocations import LargeAllocations
from ktrace.findings import Session
from ktrace.record import record

_PROBE = "mm_page_alloc"


@record
class LargeCounts:
    """Of one run, or of several. Failures that their callers are prepared for are fell_back."""

    calls: int
    bytes: int
    failed: int
    fell_back: int
    waited: int
    waited_s: float


def prepare(analysis: Analysis, session: Session) -> None:
    """Before the first event: count them, where they were traced."""
    if any(probe.function == _PROBE for probe in session.probes):
        analysis.of(LargeAllocations)


def counts_of(analysis: Analysis) -> LargeCounts | None:
    """None: they were not traced."""
    if not analysis.measured(_PROBE):
        return None
    allocations = analysis.of(LargeAllocations)
    return LargeCounts(
        calls=allocations.total("calls"),
        bytes=allocations.total("bytes"),
        failed=allocations.failed(expected=False),
        fell_back=allocations.failed(expected=True),
        waited=allocations.total("waited"),
        waited_s=round(sum(site.waited_s for site in allocations.sites.values()), 6),
    )


def sum_of(runs: Sequence[LargeCounts | None]) -> LargeCounts | None:
    """Of those that counted any."""
    known = [run for run in runs if run]
    if not known:
        return None
    return LargeCounts(
        calls=sum(run.calls for run in known),
        bytes=sum(run.bytes for run in known),
        failed=sum(run.failed for run in known),
        fell_back=sum(run.fell_back for run in known),
        waited=sum(run.waited for run in known),
        waited_s=sum(run.waited_s for run in known),
    )

"""How the views show large allocations."""

from typing import TYPE_CHECKING

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.large_allocations import LargeAllocations
from ktrace.findings import LargeAllocation
from ktrace.views import large_allocation_text as text
from ktrace.views import words
from ktrace.views.large_allocation_advice import next_steps, reasons
from ktrace.views.safe_text import safe

if TYPE_CHECKING:
    from ktrace.views.problem_view import Body, Told

_FRAMES = 8
_PAGE_KIB = 4
_HEADS = {"failed": "LARGE ALLOCATION FAILED", "stalled": "LARGE ALLOCATION STALLED"}


def line(finding: LargeAllocation) -> str:
    """ "LARGE ALLOCATION FAILED: alloc_ring() of module nic, order 4 (64 KiB, kmalloc), ..."."""
    head = _HEADS.get(finding.reason, "LARGE ALLOCATION LED TO AN OOM KILL")
    if finding.status != "open":
        head = "large allocation"
    where = text.place(finding.function, finding.module)
    return (
        f"{head}: {where}, {text.request(finding)}, by {text.who(finding)}: {text.outcome(finding)}"
    )


def details(finding: LargeAllocation) -> list[str]:
    """Where from, with which flags, how long, what was free, and what would do instead."""
    lines = [f"{safe(finding.gfp)}; {text.waits(finding)}"] if finding.gfp else []
    if finding.cgroup not in (None, "/"):
        lines.append(f"in cgroup {safe(finding.cgroup or '')}")
    if finding.stack:
        lines.append(" < ".join(safe(frame) for frame in finding.stack[:_FRAMES]))
    if finding.what == "pages":
        lines += [text.zone(state, finding.order) for state in finding.zones]
        lines.append(f"why: {text.why(finding)}")
        lines += [text.steal(steal, _PAGE_KIB) for steal in finding.stolen]
    return [*lines, *reasons(finding), *next_steps(finding)]


def prose(finding: LargeAllocation) -> dict[str, list[str]]:
    why = [f"{text.why(finding)}."] if finding.what == "pages" else []
    return {"reasoning": [*why, *reasons(finding)], "advice": next_steps(finding)}


def body() -> "Body":
    from ktrace.views.screen_large_allocations import LargeAllocationsBody

    return LargeAllocationsBody()


def report(analysis: Analysis, told: "Told") -> list[str]:
    from ktrace.views.large_allocation_report import section

    found = [versions[-1] for versions in told.values()]
    return section(analysis, [each for each in found if isinstance(each, LargeAllocation)], details)


def summary(analysis: Analysis, brief: bool) -> list[str]:
    """What came of them, and who has most of them."""
    allocations = analysis.of(LargeAllocations)
    if not analysis.measured("mm_page_alloc"):
        return ["large allocations: not measured (no probe on mm_page_alloc)"]
    lasted = words.watched(analysis.session, analysis.t)
    calls = words.count(allocations.total("calls"), "allocation")
    found = analysis.found["big-alloc"]
    trouble = (
        f"{words.count(found, 'call site')} failed or waited"
        if found
        else f"none failed or waited for {words.seconds(allocations.stalled_after)}"
    )
    lines = [f"{calls} of order {allocations.min_order} and more in {lasted}: {trouble}"]
    expected = allocations.failed(expected=True)
    if expected:
        lines.append(f"{words.count(expected, 'failure')} of callers that had a smaller size ready")
    if not brief:
        from ktrace.views.large_allocation_report import site_lines

        lines += site_lines(allocations)
    lost = allocations.left_out
    if lost and (lost.calls or lost.live):
        lines.append(
            f"not in these numbers: {words.count(lost.calls, 'call')}, and the end of "
            f"{words.count(lost.live, 'allocation')}: the tables were full"
        )
    return lines

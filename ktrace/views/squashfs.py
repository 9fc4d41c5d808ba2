"""How the views show what squashfs does."""

from typing import TYPE_CHECKING

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.squashfs_use import SquashfsCaches
from ktrace.findings import SquashfsThrash
from ktrace.views import squashfs_text, words
from ktrace.views.squashfs_report import section, tables

if TYPE_CHECKING:
    from ktrace.views.problem_view import Body, Told


def line(finding: SquashfsThrash) -> str:
    """ "SQUASHFS THRASH: fragment cache of loop0 (/data): 83 of 96 blocks ..."."""
    where = squashfs_text.place(finding.device, finding.mount, finding.cache)
    if finding.status == "resolved":
        lasted = words.seconds(finding.t - finding.since_t)
        return f"squashfs thrash over: {where}, after {lasted}"
    lead = "SQUASHFS THRASH" if finding.status == "open" else "still thrashing"
    return f"{lead}: {where}: {squashfs_text.again(finding)}"


def details(finding: SquashfsThrash) -> list[str]:
    return [
        *squashfs_text.numbers(finding),
        *squashfs_text.who(finding),
        *squashfs_text.advice(finding),
    ]


def prose(finding: SquashfsThrash) -> dict[str, list[str]]:
    return {"advice": squashfs_text.advice(finding)}


def body() -> "Body":
    from ktrace.views.screen_squashfs import SquashfsBody

    return SquashfsBody()


def report(analysis: Analysis, told: "Told") -> list[str]:
    found = [
        [finding for finding in versions if isinstance(finding, SquashfsThrash)]
        for versions in told.values()
    ]
    return section(analysis, [versions for versions in found if versions])


def summary(analysis: Analysis, brief: bool) -> list[str]:
    caches = analysis.of(SquashfsCaches)
    if not analysis.measured("squashfs_read_data"):
        state = analysis.probes.get("squashfs_read_data")
        why = "the module is not loaded" if state and state.state == "waiting" else "no probe"
        return [f"squashfs: not measured, {why}"]
    uses = [window.newest for window in caches.windows.values()]
    read = words.count(sum(use.fills for use in uses), "block")
    lasted = words.watched(analysis.session, analysis.t)
    lines = [f"squashfs: {read} read in {lasted}, {sum(use.again for use in uses)} of them again"]
    if caches.found:
        total = words.count(len(caches.found), "thrash")
        lines[0] = f"{total}, {len(caches.open) or 'none'} going on; {lines[0]}"
    if not brief:
        lines += tables(analysis)
    return lines

"""Large allocations in the report and at the end of a run: findings, the largest sites, blocks."""

from collections.abc import Callable, Sequence

from ktrace.detectors.allocation_use import caller_of, is_expected, use_of
from ktrace.detectors.analysis import Analysis
from ktrace.detectors.large_allocations import LargeAllocations
from ktrace.detectors.oom_kills import id_of
from ktrace.events import AllocationSite
from ktrace.findings import LargeAllocation
from ktrace.views import large_allocation_text as text
from ktrace.views import words
from ktrace.views.fit import wrapped
from ktrace.views.kill_timeline import compact
from ktrace.views.oom_cause_text import why_lines
from ktrace.views.safe_text import safe
from ktrace.views.shorten import at_end
from ktrace.views.text_table import text_table

_SHOWN = 10
_HEAD = ("WHERE", "FOR", "TASK", "ORD", "CALLS", "BYTES", "LIVE", "AGE", "FAILED", "WAITED")
# so wide at the most, as a table has to fit into a mail of 100 columns
_WHERE, _TASK = 20, 13


def section(
    analysis: Analysis,
    found: Sequence[LargeAllocation],
    details: Callable[[LargeAllocation], list[str]],
) -> list[str]:
    """Each finding with its newest numbers, then the sites, then the free blocks."""
    lines: list[str] = []
    allocations = analysis.of(LargeAllocations)
    for finding in found:
        head = f"LARGE ALLOCATION: {text.place(finding.function, finding.module)}"
        asked = f"{text.request(finding)}, by {text.who(finding)}: {text.outcome(finding)}"
        lines += [*wrapped(head, "", "  "), *wrapped(asked, "  ", "    ")]
        for fact in details(finding):
            lines += wrapped(fact, "  ", "    ")
        lines += [*_kill_it_led_to(analysis, finding), ""]
    if allocations.sites:
        lines += [*site_lines(allocations), ""]
    if allocations.looks:
        look = allocations.looks[-1]
        lines += text_table(text.block_rows(look, allocations.min_order))
        page = look.page_kib
        lines += [text.steal(steal, page) for steal in allocations.steals[:_SHOWN]]
        lines.append("")
    return lines


def _kill_it_led_to(analysis: Analysis, finding: LargeAllocation) -> list[str]:
    """The OOM kill's steps, and why it came; nothing where it led to none, or the kill is no longer
    known."""
    kill = next((kill for kill in analysis.kills.oom if id_of(kill) == finding.kill_id), None)
    if kill is None:
        return []
    steps = f"the OOM kill of {words.name_of(kill.victim)}: {compact(kill)}"
    return [
        part for line in (steps, *why_lines(kill)) for part in wrapped(line.lstrip(), "  ", "    ")
    ]


def site_lines(allocations: LargeAllocations) -> list[str]:
    """A table of those with the most bytes alive, then in all."""
    chosen = ranked(allocations)
    rows = [_HEAD, *(row(site) for site in chosen[:_SHOWN])]
    left = len(chosen) - _SHOWN
    more = [f"and {words.count(left, 'more site')}"] if left > 0 else []
    if any(is_expected(site) and site.failed for site in chosen[:_SHOWN]):
        more.append("(in brackets: failures that the caller is prepared for)")
    return [*text_table(rows), *more] if chosen else []


def ranked(allocations: LargeAllocations) -> list[AllocationSite]:
    """Trouble first, then what takes the most memory now, then in all."""
    sites = [site for site in allocations.sites.values() if site.what != "warning"]
    return sorted(
        sites,
        key=lambda s: (not _trouble(s), -s.waited_s, -(live_bytes(s) or 0), -s.bytes, -s.calls),
    )


def live_bytes(site: AllocationSite) -> int | None:
    """None: not known."""
    return None if use_of(site.stack, site.what).split else site.live_bytes


def row(site: AllocationSite) -> tuple[str, ...]:
    living = live_bytes(site)
    return (
        at_end(where(site), _WHERE),
        safe(use_of(site.stack, site.what).name),
        at_end(text.site_name(site), _TASK),
        str(site.order) if site.what == "pages" else "-",
        str(site.calls),
        words.size(site.bytes),
        "?" if living is None else words.size(living) if living else "-",
        age(site, site.t),
        failures(site),
        words.seconds(site.waited_s) if site.waited else "-",
    )


def failures(site: AllocationSite) -> str:
    """ "3"; "(3)": as the caller expects."""
    if not site.failed:
        return "-"
    return f"({site.failed})" if is_expected(site) else str(site.failed)


def where(site: AllocationSite) -> str:
    """ "nic_ring [nic]"."""
    caller = caller_of(site.stack)
    return safe(caller.function) + (f" [{safe(caller.module)}]" if caller.module else "")


def age(site: AllocationSite, t: float) -> str:
    """Of the oldest that is alive."""
    if not live_bytes(site) or site.oldest_t is None:
        return "-"
    return words.seconds(max(0.0, t - site.oldest_t))


def _trouble(site: AllocationSite) -> bool:
    return bool(site.failed and not is_expected(site))

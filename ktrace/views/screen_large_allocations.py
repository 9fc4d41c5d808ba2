"""The screen of large allocations: the call sites, what befell them, the free blocks beneath."""

from collections.abc import Sequence

from rich.text import Text

from ktrace.detectors.allocation_use import is_expected, use_of
from ktrace.detectors.analysis import Analysis
from ktrace.detectors.large_allocations import LargeAllocations
from ktrace.events import AllocationSite, FreeBlocks, Steal
from ktrace.findings import LargeAllocation
from ktrace.views import large_allocation_text as text
from ktrace.views import words
from ktrace.views.large_allocation import details, line
from ktrace.views.large_allocation_report import age, failures, live_bytes, ranked, where
from ktrace.views.list_body import ListBody, Wishes
from ktrace.views.safe_text import safe
from ktrace.views.screen_list import Section
from ktrace.views.screen_table import Cell, Column, up_to
from ktrace.views.text_table import text_table

_COLUMNS = (
    Column("WHERE", 5, up_to(16)),
    Column("FOR", 6, up_to(8), may_go=True),
    Column("TASK", 7, up_to(12)),
    Column("ORDER", 1, right=True),
    Column("CALLS", 2, right=True),
    Column("/S", 9, right=True, may_go=True),
    Column("BYTES", 8, right=True, may_go=True),
    Column("LIVE", 3, right=True),
    Column("AGE", 8, right=True, may_go=True),
    Column("FAILED", 1, up_to(6), right=True),
    Column("WAITED", 2, right=True),
    Column("LONGEST", 8, right=True, may_go=True),
)


class LargeAllocationsBody(ListBody):
    def __init__(self) -> None:
        self._sites: list[AllocationSite] = []
        self._told: dict[int, LargeAllocation] = {}
        self._look: FreeBlocks | None = None
        self._steals: tuple[Steal, ...] = ()
        self._measured = False
        self._head = ""
        self._order = 0

    def take(self, analysis: Analysis) -> None:
        allocations = analysis.of(LargeAllocations)
        self._sites = ranked(allocations)
        self._told = dict(allocations.told)
        self._look = allocations.looks[-1] if allocations.looks else None
        self._steals = allocations.steals
        self._order = allocations.min_order
        self._measured = analysis.measured("mm_page_alloc")
        self._head = (
            f"{words.count(allocations.total('calls'), 'allocation')} of order "
            f"{allocations.min_order} and more, {allocations.failed(expected=False)} failed, "
            f"{allocations.failed(expected=True)} fell back, {allocations.total('waited')} waited"
        )

    def headline(self, t: float) -> Text:
        if not self._measured:
            return Text("large allocations: not measured (no probe on mm_page_alloc)")
        if self._told:
            found = f"{words.count(len(self._told), 'call site')} in trouble; "
            return Text(found, style="bold red").append(self._head, style="default")
        return Text(self._head)

    def sections(self, t: float, width: int, wishes: Wishes) -> Sequence[Section]:
        wanted = wishes.filter.lower()
        entries = [
            (str(site.site), site)
            for site in self._sites
            if not wanted or wanted in " ".join(cell.text for cell in self._row(site, t)).lower()
        ]
        return [
            Section(
                Text("Call sites, those in trouble first", style="bold"),
                _COLUMNS,
                entries,
                lambda site: self._row(site, t),
                lambda key, site: self._beneath(key, site, wishes),
            )
        ]

    def bottom(self, t: float, width: int, rows: int) -> list[Text]:
        if self._look is None:
            return []
        lines = text_table(text.block_rows(self._look, self._order))
        lines += [text.steal(steal, self._look.page_kib) for steal in self._steals]
        return [Text(each, no_wrap=True, overflow="ellipsis") for each in lines[:rows]]

    def ages(self) -> bool:
        return bool(self._sites)

    def _row(self, site: AllocationSite, t: float) -> Sequence[Cell]:
        living = live_bytes(site)
        lasted = max(1.0, site.last_t - site.first_t)
        bad = bool(site.failed and not is_expected(site))
        return (
            Cell(where(site), "bold red" if site.site in self._told else ""),
            Cell(safe(use_of(site.stack, site.what).name)),
            Cell(text.site_name(site)),
            Cell(str(site.order) if site.what == "pages" else "-"),
            Cell(str(site.calls)),
            Cell(f"{site.calls / lasted:.0f}"),
            Cell(words.size(site.bytes)),
            Cell("?" if living is None else words.size(living) if living else "-"),
            Cell(age(site, t)),
            Cell(failures(site), "red" if bad else ""),
            Cell(words.seconds(site.waited_s) if site.waited else "-"),
            Cell(words.seconds(site.longest_s) if site.waited else "-"),
        )

    def _beneath(self, key: str, site: AllocationSite, wishes: Wishes) -> list[Text]:
        finding = self._told.get(site.site)
        if key in wishes.opened:
            lines = [safe(site.gfp), *(safe(frame) for frame in site.stack)]
            lines = [line(finding), *details(finding), *lines] if finding else lines
        elif finding:
            lines = [text.outcome(finding), f"why: {text.why(finding)}"]
        else:
            return []
        return [Text(f"  {each}", no_wrap=True, overflow="ellipsis") for each in lines if each]

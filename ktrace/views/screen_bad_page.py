"""The body of bad-page's screen: the pages, the newest taken apart, and what explains them."""

import textwrap
from collections.abc import Iterable

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ktrace.detectors.analysis import Analysis
from ktrace.detectors.bad_page import BadPages
from ktrace.findings import BadPageFinding, PageCorruption, RamCell
from ktrace.views import words
from ktrace.views.bad_page_count import not_measured
from ktrace.views.bad_page_reasons import next_steps, reasons
from ktrace.views.bad_page_text import finding_line
from ktrace.views.safe_text import safe

_OFFENDING = "bold white on red"
_FIXED_LINES = 5  # titles, the table's head, blanks between the parts
_STACK_LINES = 2
_PHYSICAL_WIDTH = 100  # of a terminal that has room for that column


class BadPageBody:
    """What explains the pages first, in a line; then the table, the newest page, and the reasons.
    These get the height that they need, then the newest page."""

    def lines(self, analysis: Analysis, t: float, width: int, height: int) -> list[RenderableType]:
        pages = analysis.of(BadPages)
        verdicts = _in_weight(pages.current())
        headline = [*_head(verdicts[0], width), Text("")] if verdicts else []
        room = max(2, height - _FIXED_LINES - len(headline))
        verdict = _verdicts(verdicts, width)[: max(1, room * 2 // 3)]
        newest = pages.recent[-1] if pages.recent else None
        detail = _detail(newest, width)[: max(0, room - len(verdict) - 1)] if newest else []
        rows = max(1, room - len(verdict) - len(detail))
        return [
            *headline,
            *_table(analysis, t, rows, width),
            Text(""),
            *detail,
            *([Text("")] if detail else []),
            *verdict,
        ]


def _table(analysis: Analysis, t: float, rows: int, width: int) -> list[RenderableType]:
    pages = analysis.of(BadPages)
    title = Text(no_wrap=True, overflow="ellipsis")
    title.append("Bad pages", style="bold")
    if not pages.recent and (missing := not_measured(analysis)):
        return [title.append(f"  {missing}")]
    title.append(f"  {pages.total} in {words.watched(analysis.session, t)}")
    if not pages.recent:
        return [title, Text("  none yet", style="dim")]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), expand=True, header_style="dim")
    table.add_column("AT", justify="right", no_wrap=True)
    table.add_column("PFN", justify="right", no_wrap=True)
    if width >= _PHYSICAL_WIDTH:
        table.add_column("STRUCT PAGE AT", no_wrap=True)
    table.add_column("ON", no_wrap=True)
    table.add_column("TASK", no_wrap=True, ratio=2)
    table.add_column("WRONG", no_wrap=True, ratio=4)
    for finding in list(pages.recent)[-1 : -rows - 1 : -1]:
        table.add_row(*_row(analysis, finding, width))
    return [title, table]


def _row(analysis: Analysis, finding: BadPageFinding, width: int) -> list[Text]:
    cells = [
        Text(f"{finding.t - analysis.session.t:.1f}s"),
        Text("?" if finding.pfn is None else f"{finding.pfn:x}"),
    ]
    if width >= _PHYSICAL_WIDTH:
        cells.append(Text(safe(finding.page_phys or "?")))
    return [
        *cells,
        Text(safe(finding.path or "?")),
        Text(words.task_name(finding.comm, finding.pid or None, finding.tid)),
        _wrong(finding),
    ]


def _wrong(finding: BadPageFinding) -> Text:
    """Everything that triggered the check, the offending bits by name."""
    text = Text(no_wrap=True, overflow="ellipsis")
    for index, trigger in enumerate(finding.triggered):
        text.append(", " if index else "")
        text.append(f"{trigger.what} ")
        named = "|".join(trigger.names) or trigger.bits
        text.append(safe(named), style=_OFFENDING)
    return text if finding.triggered else Text(safe(finding.reason or "?"))


def _detail(finding: BadPageFinding, width: int) -> list[RenderableType]:
    """The newest page: where it is, its flags with the wrong ones marked, its counts, its stack."""
    head = Text(no_wrap=True, overflow="ellipsis")
    head.append("?" if finding.pfn is None else f"pfn {finding.pfn:#x}", style="bold red")
    head.append(f"  struct page {safe(finding.page or '?')}")
    head.append(f"  physical {safe(finding.page_phys or 'not known')}", style="bold")
    lines: list[RenderableType] = [head, _flags(finding), _counts(finding)]
    if finding.reason:
        lines.append(Text(f"  the kernel says: {safe(finding.reason)}", no_wrap=True))
    return [*lines, *_stack(finding, width)]


def _flags(finding: BadPageFinding) -> Text:
    wrong = {name for trigger in finding.triggered for name in trigger.names}
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f"  flags {safe(finding.flags)}  ")
    for name in finding.flag_names or ("none",):
        text.append(safe(name), style=_OFFENDING if name in wrong else "")
        text.append(" ")
    text.append(" " + " ".join(safe(field) for field in finding.fields), style="dim")
    return text


def _counts(finding: BadPageFinding) -> Text:
    wrong = {trigger.what for trigger in finding.triggered}
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append("  ")
    for what, value in (
        ("refcount", finding.refcount),
        ("mapcount", finding.mapcount),
        ("mapping", finding.mapping),
        ("memcg", finding.memcg),
    ):
        shown = "?" if value is None else "NULL" if value == "0x0" else safe(str(value))
        text.append(f"{what} {shown}", style=_OFFENDING if what in wrong else "")
        text.append("  ")
    return text


def _stack(finding: BadPageFinding, width: int) -> list[RenderableType]:
    lines = [""]
    for frame in finding.stack:
        name = safe(frame)
        if lines[-1] and len(lines[-1]) + len(name) + 2 > width - 2:
            lines.append("")
        lines[-1] += ("  " if lines[-1] else "") + name
    shown = lines[:_STACK_LINES]
    return [Text("  " + line, no_wrap=True, overflow="ellipsis") for line in shown if line]


def _in_weight(verdicts: Iterable[RamCell | PageCorruption]) -> list[RamCell | PageCorruption]:
    """Bad RAM first, since that is what one can buy a remedy for."""
    return sorted(verdicts, key=lambda found: not isinstance(found, RamCell))


def _head(verdict: RamCell | PageCorruption, width: int) -> list[RenderableType]:
    style = "bold red" if isinstance(verdict, RamCell) else "bold yellow"
    return [Text(line, style=style) for line in textwrap.wrap(finding_line(verdict), width)]


def _verdicts(verdicts: list[RamCell | PageCorruption], width: int) -> list[RenderableType]:
    """Why: of the first, whose own line stands above all, and of the others."""
    lines: list[RenderableType] = []
    for number, verdict in enumerate(verdicts):
        lines += _head(verdict, width) if number else []
        for text in _in_order(verdict):
            wrapped = textwrap.wrap(
                safe(text), width, initial_indent="  ", subsequent_indent="    "
            )
            lines += [Text(line, no_wrap=True, overflow="ellipsis") for line in wrapped]
    return lines


def _in_order(verdict: RamCell | PageCorruption) -> list[str]:
    """Reasons and next steps, the weightiest first: the rest may not fit on the screen."""
    why = [f"because {text}" for text in reasons(verdict)]
    steps = [f"next: {text}" for text in next_steps(verdict)]
    return why[:2] + steps[:2] + why[2:] + steps[2:]

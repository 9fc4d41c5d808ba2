"""Bad pages of several boots on a map of physical memory: the page frames move from boot to boot,
and where one RAM cell is bad, the struct page does not."""

from collections.abc import Sequence

from ktrace.events import BadPage
from ktrace.views.formats.html.axis import ticks
from ktrace.views.formats.html.markup import Element, el, svg

_WIDTH, _LEFT, _ROW = 1060, 190, 22
_PAGE = 4096  # bytes; on kernels with larger pages the frames lie further right than they are drawn
_MIB = 1 << 20
_ROWS = 60


def cell_map(pages: Sequence[BadPage]) -> Element | None:
    """None where no page's struct page has a known physical address."""
    known = [page for page in pages if page.page_phys and page.pfn is not None]
    boots = list(dict.fromkeys(page.boot for page in known))[:_ROWS]
    if not boots:
        return None
    end = max(max(_frame(page), _struct(page)) for page in known) * 1.02
    height = 20 + _ROW * len(boots) + 4
    drawn = [mark for at in ticks(end / _MIB) for mark in _tick(at, end, height)]
    for row, boot in enumerate(boots):
        y = 20 + row * _ROW
        drawn.append(el("text", boot[:26], x=0, y=y + 14, class_="mono"))
        for page in known:
            if page.boot == boot:
                drawn += _marks(page, y + 10, end)
    key = (
        el("span", el("i", style="background:var(--accent)"), "page frame"),
        el("span", el("i", style="background:var(--found)"), "its struct page"),
    )
    drawing = svg(_WIDTH, height, drawn, label="bad pages on a map of physical memory")
    return el("div", drawing, el("p", key, "physical addresses in MiB", class_="legend note"))


def _marks(page: BadPage, y: int, end: float) -> list[Element]:
    frame, struct = _frame(page), _struct(page)
    return [
        _dot(frame, y, end, 4, "after", f"pfn {page.pfn:#x}, physical {frame:#x}"),
        _dot(struct, y, end, 5, "before", f"struct page at physical {struct:#x}"),
    ]


def _dot(address: int, y: int, end: float, radius: int, kind: str, title: str) -> Element:
    return el("circle", el("title", title), cx=_x(address, end), cy=y, r=radius, class_=kind)


def _tick(at: float, end: float, height: int) -> list[Element]:
    x = _x(at * _MIB, end)
    line = el("line", x1=x, y1=14, x2=x, y2=height, class_="axis")
    return [line, el("text", f"{at:g}", x=x + 2, y=11, class_="faint")]


def _frame(page: BadPage) -> int:
    return (page.pfn or 0) * _PAGE


def _struct(page: BadPage) -> int:
    return int(page.page_phys or "0", 16)


def _x(address: float, end: float) -> float:
    return _LEFT + (_WIDTH - _LEFT - 10) * address / end

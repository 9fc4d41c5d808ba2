"""A bad page's words, bit by bit, those marked that should not be as they are."""

from collections.abc import Iterator

from ktrace.events import BadPage
from ktrace.views import words
from ktrace.views.bad_page_text import trigger_text
from ktrace.views.formats.html.markup import Element, el, svg

_BIT, _ROW, _LEFT = 13, 18, 175


def page_words(page: BadPage) -> Element:
    """The struct page where the trace has it, else its flags alone."""
    rows = [*_rows(page)]
    bits = 64 if any(value >> 32 for _, value, _ in rows) else 32
    drawn = [
        el("text", str(bit), x=_x(bit, bits), y=10, class_="faint") for bit in range(0, bits, 8)
    ]
    for number, (name, value, wrong) in enumerate(rows):
        y = 14 + number * _ROW
        drawn.append(el("text", name, x=0, y=y + 12, class_="mono"))
        drawn += [_bit(bit, bits, y, value, wrong) for bit in range(bits)]
    height = 16 + len(rows) * _ROW
    drawing = svg(_LEFT + bits * _BIT + 4, height, drawn, label="words of the struct page")
    pfn = "?" if page.pfn is None else f"{page.pfn:#x}"
    failed = ", ".join(trigger_text(trigger) for trigger in page.triggered)
    told = f"pfn {pfn}, in {words.name_of(page.by)}: {failed or page.reason or 'reason unknown'}"
    names = f"flags that are set: {' '.join(page.flag_names)}" if page.flag_names else ""
    return el("div", el("h3", told), el("p", names, class_="note"), drawing)


def _rows(page: BadPage) -> Iterator[tuple[str, int, int]]:
    """Of each word its name, its value, and the bits that are wrong in it."""
    wrong: dict[int, int] = {}
    size = 8 if any(len(word) > 10 for word in page.words) else 4
    for trigger in page.triggered:
        at = 0 if trigger.what == "flags" else trigger.at
        if at is not None and trigger.bits:
            word, shift = at // size * size, at % size * 8
            wrong[word] = wrong.get(word, 0) | int(trigger.bits, 16) << shift
    for number, value in enumerate(page.words or (page.flags,)):
        if not value:
            continue  # not known
        at = number * size
        name = "flags" if at == 0 else f"+{at}"
        yield f"{name:>5} {value}"[:24], int(value, 16), wrong.get(at, 0)


def _bit(bit: int, bits: int, y: int, value: int, wrong: int) -> Element:
    """Set, wrong, or both: a wrong one may be a 0 that should be a 1."""
    kind = "bit" + (" set" if value >> bit & 1 else "") + (" wrong" if wrong >> bit & 1 else "")
    title = el("title", f"bit {bit}: {value >> bit & 1}")
    return el("rect", title, x=_x(bit, bits), y=y + 2, width=_BIT - 2, height=12, class_=kind)


def _x(bit: int, bits: int) -> int:
    """Bit 0 on the right, as numbers are written."""
    return _LEFT + (bits - 1 - bit) * _BIT

"""Bad pages' reports that are alike: other page frames in the same state, found in the same place.

What a state means is judged once for each set of values that it depends on; it does not depend on
the page frame's number, and mostly not on the word with the page's index.
"""

from dataclasses import replace
from typing import Any

from ktrace.events import BadPage, Task
from ktrace.sources.log.alike import Alike, made_like
from ktrace.sources.log.bad_page import BadPageReport
from ktrace.sources.log.bad_page_dump import INDEX
from ktrace.sources.log.form import WHO, Form, Registers
from ktrace.sources.log.heads import Heads
from ktrace.sources.log.prefix import Prefix
from ktrace.sources.log.shape import Found, Read

_STATES = 256  # that are kept


class BadPageAlike(Alike):
    marker = "BUG: Bad page state in process "
    forms = (
        Form("BUG: Bad page state in process <comm:name>  pfn:<pfn:hex>"),
        Form(
            "page:<page:word> refcount:<judged+:int> mapcount:<judged+:int> mapping:<judged+:word> "
            "index:0x<hex> pfn:0x<frame:hex>"
        ),
        Form(
            "page: refcount:<judged+:int> mapcount:<judged+:int> mapping:<judged+:word> "
            "index:0x<hex> pfn:0x<frame:hex>"
        ),
        Form(
            "page:<page:word> count:<judged+:int> mapcount:<judged+:int> mapping:~* index:0x<hex>"
        ),
        Form("flags: 0x<judged+:hex>("),
        Form("raw: <raw+:word> <raw+:word> <raw+:word> <raw+:word>"),
        *WHO,
        Registers(),
    )
    next_head = (
        r"BUG: Bad page state in process [A-Za-z_./:+(,-][\w./:+(),-]{0,14} +pfn:[0-9a-f]+\n"
    )

    def __init__(self, read: Read, prefix: Prefix, heads: Heads) -> None:
        super().__init__(read, prefix, heads)
        assert isinstance(read.report, BadPageReport)
        self._first = read.report
        raw, judged = self.shape.numbers("raw"), self.shape.numbers("judged")
        self._frame = self.shape.numbers("frame")
        self._page = self.shape.numbers("page")
        self._values = (*self.shape.groups("comm", "pid", "pfn"), *raw, *judged)
        self._judged = 3 + len(raw)
        self._states: dict[tuple[str, ...], Any] = {}  # None: it depends on the index's word, too

    def fits(self, found: Found) -> bool:
        """Both lines tell the same page frame."""
        values = found.first
        return not self._frame or int(values["pfn"], 16) == int(values[self._frame[0]], 16)

    def names(self, found: Found) -> tuple[str]:
        return (found.first["comm"],)

    def event(self, found: Found, t: float, boot: str, lines: tuple[int, int]) -> BadPage:
        values = found.first.group(*self._values)
        number = int(values[1])
        event: BadPage = self._state(found, values[3:])(
            t=t,
            boot=boot,
            by=Task(number, number, values[0]),
            pfn=int(values[2], 16),
            words=tuple([f"0x{word}" for word in values[3 : self._judged]]),
            lines=lines,
        )
        if self._page:
            page = self._first.struct_page(found.first[self._page[0]])
            if page.virtual is not None:
                return replace(event, page=page.virtual, page_phys=page.physical)
        return event

    def _state(self, found: Found, values: tuple[str, ...]) -> Any:
        """What makes an event of what differs in pages of the same state. values: the raw words,
        and what is judged beside them."""
        key = values[:INDEX] + values[INDEX + 1 :]
        known = self._states.get(key)
        if known is None and key in self._states:
            known = self._states.get(values)
        return known or self._learn(found, key, values)

    def _learn(self, found: Found, key: tuple[str, ...], values: tuple[str, ...]) -> Any:
        read = self.reread(found)
        assert read is not None
        assert isinstance(read.report, BadPageReport)
        event = read.report.event("")
        if self._page:
            event = replace(event, page=None, page_phys=None)
        state = made_like(event, "t", "boot", "by", "pfn", "lines", "words")
        if len(self._states) >= _STATES:
            self._states.clear()
        if read.report.has_unused_index:
            self._states[key] = state
        else:
            self._states[key] = None
            self._states[values] = state
        return state

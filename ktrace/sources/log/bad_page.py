"""The report of bad_page() in a kernel log, of every era since 2.6.29.

Its first lines changed often: flags beside the other numbers until 2.6.33, "page flags:" then
(718a3821179c "mm: introduce dump_page() and print symbolic flag names"), later "flags:"; the reason
since 3.15 (f0b791a34cb3), the flags that it is because of until 5.7 (82a3241aaf83 "mm, page_alloc:
simplify page_is_bad"); later refcount for count, raw words, pfn; hashed pointers (%p) since 4.15
(ad67b74d2469), and none since 6.9 (fae7d834c43c "mm: add __dump_folio()").
"""

import re

from ktrace.events import BadPage, Task, Trigger
from ktrace.kernel.old_memory_map import StructPage, lowmem_page
from ktrace.kernel.page_flag_eras import era_of_release, page_flags_of
from ktrace.kernel.page_flags import PageFlags, count_triggers
from ktrace.kernel.page_functions import path_of
from ktrace.kernel.wait_functions import function_of
from ktrace.sources.log.kind import Kind
from ktrace.sources.log.line import LogLine
from ktrace.sources.log.report import Report, Trace, seconds

HEAD = re.compile(
    r"BUG: Bad page state in process (?P<comm>.*?)(?:\s+pfn:(?P<pfn>[0-9a-f]{1,16}))?\s*$"
)
# "(____ptrval____)": printed before there was entropy to hash with
_PAGE = re.compile(r"page:\s?(?:(?P<page>[0-9a-f]{8,16})|\(\w*\))?(?=\s|$)(?P<rest>.*)")
_PFN = re.compile(r"\s*pfn:(?P<pfn>[0-9a-f]{1,16})\s*$")
_VALUE = re.compile(
    r"\b(flags|count|refcount|mapcount|mapping|index|pfn):\s*(\(null\)|-?(?:0x)?[0-9a-f]+)"
)
_WRAPPED = re.compile(r"\s*(?:flags:\S|(?:count|refcount|mapcount|mapping|index|pfn):)")
_FLAGS = re.compile(r"(?:\w+ )?(?:page )?flags: (?P<flags>0x[0-9a-f]{1,16})\((?P<names>[^()]*)\)")
_BAD_FLAGS = re.compile(r"bad because of flags:(?: (?P<flags>0x[0-9a-f]{1,16})\((?P<names>.*)\))?")
_RAW = re.compile(r"raw:((?: [0-9a-f]{8}| [0-9a-f]{16})+)\s*$")
_REASON = re.compile(r"page dumped because: (?P<reason>.*)")
_MEMCG = re.compile(r"(?:page->mem_cgroup|memcg):\s?(?P<memcg>[0-9a-f]{8,16})\b")
_OWNER = re.compile(
    r"page_owner |page last (?:allocated|free)|page has been migrated|page allocated via"
)
_LAST = re.compile(r"Disabling lock debugging")

_WORDS_MAX = 16  # of a struct page, 32 bits

_OF_REASON = {
    "nonzero mapcount": "mapcount",
    "non-NULL mapping": "mapping",
    "nonzero _count": "refcount",
    "nonzero _refcount": "refcount",
    "page still charged to cgroup": "memcg",
    "page_pool leak": "page_pool",
}
_TESTED_BEFORE_FLAGS = (
    "nonzero mapcount",
    "non-NULL mapping",
    "nonzero _count",
    "nonzero _refcount",
)


class BadPageReport(Report):
    """One report, from its first line on."""

    def __init__(self, line: LogLine, head: re.Match[str]) -> None:
        super().__init__(line, Trace(comm=head["comm"]))
        self._comm = head["comm"]
        self._pfn = int(head["pfn"], 16) if head["pfn"] else None
        self._values: dict[str, str] = {}
        self._page: str | None = None
        self._names: tuple[str, ...] | None = None  # as the kernel prints them
        self._bad: tuple[str, tuple[str, ...]] | None = None
        self._bad_follows = False
        self._raw: list[str] = []
        self._reason = ""
        self._memcg: str | None = None
        self._owner: list[str] = []
        self._owning = False
        self._wrapped = False  # the line before was the page's: a mail may have broken it

    @property
    def mentioned(self) -> bool:
        """The first line alone, without a page frame's number."""
        return self._pfn is None and not self._values and self._trace.task is None

    def take(self, line: LogLine) -> bool:
        text = line.text
        if not self._values and (self._take_pfn(text) or self._take_page(text)):
            return True
        if self._wrapped and _WRAPPED.match(text):
            self._take_values(text)
            return True
        self._wrapped = False
        if self._values and not self._trace.task and self._take_dump(text):
            return True
        if self._trace.take(line):
            return True
        if _LAST.match(text):
            self.finished = True
            return True
        self.finished = self._trace.ended
        return False

    def _take_pfn(self, text: str) -> bool:
        match = _PFN.match(text)
        if match is None or self._pfn is not None:
            return False
        self._pfn = int(match["pfn"], 16)
        return True

    def _take_page(self, text: str) -> bool:
        match = _PAGE.match(text)
        if match is None:
            return False
        values = dict(_VALUE.findall(match["rest"]))
        if self._pfn is not None and "pfn" in values and int(values["pfn"], 16) != self._pfn:
            return False  # of another report, on another CPU
        self._page = match["page"]
        self._values = values or {"page": ""}
        self._wrapped = True
        return True

    def _take_values(self, text: str) -> None:
        for key, value in _VALUE.findall(text):
            self._values.setdefault(key, value)

    def _take_dump(self, text: str) -> bool:
        """The lines between that of the page and that of the CPU. Each is there once: another one
        is another report's."""
        if (match := _BAD_FLAGS.match(text)) and self._bad is None:
            return self._take_bad(match)
        if match := _FLAGS.match(text):
            return self._take_flags(match)
        if (match := _RAW.match(text)) and not self._reason and len(self._raw) < _WORDS_MAX:
            self._raw += match[1].split()
        elif (match := _REASON.match(text)) and not self._reason:
            self._reason = match["reason"]
        elif (match := _MEMCG.match(text)) and self._memcg is None:
            self._memcg = match["memcg"]
        elif _OWNER.match(text) or (self._owning and _owner_frame(text)):
            self._owning = True
            self._owner.append(text.strip())
        else:
            self._owning = False
            return False
        return True

    def _take_flags(self, match: re.Match[str]) -> bool:
        if self._bad_follows:
            return self._take_bad(match)
        if self._names is None:
            self._values["flags"] = match["flags"]
            self._names = _split(match["names"])
        else:
            return False
        return True

    def _take_bad(self, match: re.Match[str]) -> bool:
        self._bad_follows = match["flags"] is None
        if self._bad_follows:
            return True
        if int(match["flags"], 16) & ~int(self._values.get("flags", "0"), 16):
            return False  # these flags are not this page's
        self._bad = (match["flags"], _split(match["names"]))
        return True

    def event(self, boot: str) -> BadPage:
        """What the report says; None for what it does not say."""
        stack = _from_bad_page(self._trace.stack)
        flags = int(self._values.get("flags", "0"), 16)
        struct_page = self._struct_page()
        path = path_of(self._reason, stack)
        names, fields = self._decoded(flags)
        return BadPage(
            t=seconds(self._line),
            boot=boot,
            kernel=self.kernel,
            by=self._trace.task or Task(0, 0, self._comm),
            pfn=self._pfn,
            page=struct_page.virtual,
            page_phys=struct_page.physical,
            flags=hex(flags) if "flags" in self._values else "",
            flag_names=names,
            fields=fields,
            refcount=self._decimal("refcount", "count"),
            mapcount=self._decimal("mapcount"),
            mapping=self._pointer("mapping"),
            memcg=f"0x{self._memcg}" if self._memcg else None,
            triggered=self._triggers(path, flags, names),
            path=path,
            reason=self._reason,
            stack=stack,
            words=tuple(f"0x{word}" for word in self._raw),
            owner=tuple(self._owner),
        )

    def _struct_page(self) -> StructPage:
        return lowmem_page(self._page, self._pfn, self._release(), old="count" in self._values)

    def _release(self) -> tuple[int, ...]:
        """(2, 6, 31); () where the log does not say."""
        found = re.match(r"\d{1,4}(?:\.\d{1,6}){1,2}", self._trace.release)
        return tuple(int(part) for part in found[0].split(".")) if found else ()

    def _decoded(self, flags: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names and fields: the kernel's own where it printed them, else by the table."""
        if self._names is not None:
            return (
                tuple(name for name in self._names if "=" not in name),
                tuple(name for name in self._names if "=" in name),
            )
        layout = self._layout(flags)
        decoded = layout.decode(flags) if layout else None
        return (decoded.names, decoded.fields) if decoded else ((), ())

    def _layout(self, flags: int) -> PageFlags | None:
        """The table for the kernel of the log, if it agrees with the names that it printed."""
        bits32 = self._page is not None and len(self._page) == 8
        era = era_of_release(self._release(), bits32) if self._release() else None
        layout = page_flags_of(era) if era else None
        if layout is None or self._names is None:
            return layout
        printed = {name for name in self._names if "=" not in name}
        known = sum(1 << bit for bit in layout.names)
        return layout if set(layout.bit_names(flags & known)) == printed else None

    def _triggers(self, path: str, flags: int, names: tuple[str, ...]) -> tuple[Trigger, ...]:
        found = self._flag_trigger(path, flags, names)
        counts = count_triggers(
            self._decimal("refcount", "count"),
            self._decimal("mapcount"),
            int(self._pointer("mapping") or "0", 16),
            None,  # memcg is also told when it is in order: the reason says
        )
        triggered = [*found, *counts]
        what = _OF_REASON.get(self._reason)
        if what and what not in {trigger.what for trigger in triggered}:
            value = f"0x{self._memcg}" if what == "memcg" and self._memcg else ""
            triggered.append(Trigger(what, value, ()))
        return tuple(triggered)

    def _flag_trigger(self, path: str, flags: int, names: tuple[str, ...]) -> tuple[Trigger, ...]:
        if self._bad:
            return (Trigger("flags", self._bad[0], self._bad[1]),)
        if self._reason in _TESTED_BEFORE_FLAGS:
            return ()  # the kernel keeps the reason of the last test that failed
        layout = self._layout(flags)
        if layout:
            return layout.triggers(path, flags)
        if not names or path == "free" or (not path and not self._reason):
            return (Trigger("flags", "", ()),) if "flag" in self._reason else ()
        # no table: so many lowest set bits are flags, and on allocation each of them is wrong
        set_bits = [1 << bit for bit in range(flags.bit_length()) if flags & 1 << bit]
        return (Trigger("flags", hex(sum(set_bits[: len(names)])), names),)

    def _decimal(self, *keys: str) -> int | None:
        for key in keys:
            if re.fullmatch(r"-?\d{1,12}", self._values.get(key, "")):
                return int(self._values[key])
        return None

    def _pointer(self, key: str) -> str | None:
        value = self._values.get(key)
        if value is None:
            return None
        return "0x0" if value == "(null)" else hex(int(value.removeprefix("-"), 16))


def _split(names: str) -> tuple[str, ...]:
    return tuple(filter(None, names.split("|")))


def _owner_frame(text: str) -> bool:
    """A frame of a page_owner stack: it has no head line of its own."""
    return bool(re.match(r"\s*\S+\+0x[0-9a-f]+/0x[0-9a-f]+", text))


def _from_bad_page(stack: tuple[str, ...]) -> tuple[str, ...]:
    """Without dump_stack() and what it calls."""
    for index, frame in enumerate(stack):
        if function_of(frame).partition(".")[0] == "bad_page":
            return stack[index:]
    return stack


KIND = Kind("bad-page", (b"Bad page state",), HEAD, BadPageReport)

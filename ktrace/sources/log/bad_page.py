"""The report of bad_page() in a kernel log, of every era since 2.6.9: its lines.

bad_page_heads.py has its first line. The next ones changed often: flags beside the other numbers
until 2.6.33, "page flags:" then
(718a3821179c "mm: introduce dump_page() and print symbolic flag names"), later "flags:"; the reason
since 3.15 (f0b791a34cb3), the flags that it is because of until 5.7 (82a3241aaf83 "mm, page_alloc:
simplify page_is_bad"); later refcount for count, raw words, pfn, page_type; hashed pointers (%p)
since 4.15 (ad67b74d2469), and none since 6.9 (fae7d834c43c "mm: add __dump_folio()").
"""

import re

from ktrace.events import BadPage, Task
from ktrace.kernel.old_memory_map import StructPage, struct_page, tells_i386
from ktrace.kernel.page_functions import from_bad_page, path_of
from ktrace.kernel.release import release_of
from ktrace.kernel.taint import foreign_modules
from ktrace.sources.log.bad_page_dump import PageDump, has_unused_index, page_state
from ktrace.sources.log.bad_page_heads import HEAD, first_line
from ktrace.sources.log.bad_page_reason import reason_of
from ktrace.sources.log.kind import Kind
from ktrace.sources.log.line import LogLine
from ktrace.sources.log.page_owner import OwnerLines
from ktrace.sources.log.report import Report, Trace, seconds
from ktrace.sources.log.whole import Whole
from ktrace.sources.log.whole_dump import WholeDump

# "(____ptrval____)": printed before there was entropy to hash with
_PAGE = re.compile(r"\s*page:\s?(?:(?P<page>[0-9a-f]{8,16})|\(\w*\))?(?=\s|$)(?P<rest>.*)")
_OLD = re.compile(r"flags:0x[0-9a-f]{8,16} mapping:")  # 2.6.9: the page is in the first line
_PFN = re.compile(r"\s*pfn:(?P<pfn>[0-9a-f]{1,16})\s*$")
_VALUE = re.compile(
    r"\b(flags|count|refcount|mapcount|mapping|index|pfn):\s*"
    r"(\(null\)|-?(?:0x)?[0-9a-f]{1,16}(?![0-9a-fx]))"
)
_UNSIGNED = ("flags", "pfn")  # neither negative nor NULL: such a value is damaged
_WRAPPED = re.compile(
    r"\s*(?:flags:\S|(?:count|refcount|mapcount|mapping|index|pfn):|\(null\)\s+index:)"
)
_FLAGS = re.compile(
    r"\s*(?:\w+ )?(?:page )?flags: (?P<flags>0x[0-9a-f]{1,16})\((?P<names>[^()]*)\)"
)
_FLAGS_NEXT = re.compile(r"\s*(?:page )?flags:\s*$")  # a mail broke the line there
_FLAGS_REST = re.compile(r"\s*(?P<flags>0x[0-9a-f]{1,16})\((?P<names>[^()]*)\)\s*$")
_BAD_FLAGS = re.compile(
    r"\s*bad because of flags:(?: (?P<flags>0x[0-9a-f]{1,16})\((?P<names>.*)\))?"
)
_RAW = re.compile(r"\s*raw:(?P<words>(?: [0-9a-f]{8}| [0-9a-f]{16})+)\s*$")
_RAW_REST = re.compile(
    r"\s*(?P<words>(?:[0-9a-f]{8}|[0-9a-f]{16})(?: (?:[0-9a-f]{8}|[0-9a-f]{16}))*)\s*$"
)
_RAW_OF_LINE = {8: 8, 16: 4}  # digits of a word -> words, print_hex_dump() with 32 bytes a line
_REASON = re.compile(r"\s*page dumped because: (?P<reason>.*)$")
_MEMCG = re.compile(r"\s*(?:page->mem_cgroup|memcg):\s?(?P<memcg>[0-9a-f]{8,16})\b")
_TYPE = re.compile(r"\s*page_type: (?:0x)?[0-9a-f]{1,8}\((?P<name>[\w|]*)\)")
_AOPS = re.compile(r"\s*(?:aops:|\w+:?.* aops:)(?P<aops>\w+)")
_LAST = re.compile(r"\s*Disabling lock debugging")
_TAINT = re.compile(r"\bTainted: (?P<letters>[A-Z](?:[ A-Z])*[A-Z])")

_WORDS_MAX = 16  # of a struct page, 32 bits


class BadPageReport(Report):
    """One report, from its first line on."""

    def __init__(self, line: LogLine, head: re.Match[str]) -> None:
        first = first_line(head)
        super().__init__(line, Trace(comm=first.comm))
        self._comm = first.comm or ""
        self._pfn = first.pfn
        self._dump = PageDump(page=first.page)
        self._owner = OwnerLines()
        self._bad_follows = False
        self._flags_follow = False
        self._raw_follows = False
        self._wrapped = False  # the line before was the page's: a mail may have broken it
        self._i386 = False
        self._taint = ""
        self._modules: tuple[str, ...] = ()

    @property
    def over(self) -> bool:
        return self._trace.ended and self._trace.task is not None and bool(self._dump.values)

    @property
    def mentioned(self) -> bool:
        """The first line alone, without a page frame's number."""
        return self._pfn is None and not self._dump.values and self._trace.task is None

    @property
    def bodiless(self) -> bool:
        return not self._dump.values and self._trace.task is None and not self._trace.begun

    def take(self, line: LogLine) -> bool:
        text = line.text
        if not self._dump.values and (self._take_pfn(text) or self._take_page(text)):
            return True
        if self._wrapped and _WRAPPED.match(text):
            self._take_values(text)
            return True
        self._wrapped = False
        if self._dump.values and not self._trace.task and self._take_dump(text):
            return True
        self._i386 = self._i386 or tells_i386(text)
        self._modules = self._modules or foreign_modules(text)
        if self._trace.take(line):
            self._take_taint(text)
            return True
        if _LAST.match(text):
            self.finished = True
            return True
        self.finished = self._trace.ended
        return False

    def take_whole(self, whole: Whole, number: int) -> bool:
        if isinstance(whole, WholeDump):
            return self._take_whole_dump(whole)
        known = self._dump.values and self._trace.task and not self._wrapped
        return bool(known) and self._trace.take_whole(whole, number)

    def _take_whole_dump(self, whole: WholeDump) -> bool:
        values = whole.values
        if self._dump.values or self._trace.task or self._pfn not in (None, int(values["pfn"], 16)):
            return False
        self._dump.page = whole.match["page"]
        self._dump.values = values
        self._dump.names = _split(whole.match["names"])
        self._dump.raw = whole.raw
        self._dump.reason = reason_of(whole.match["reason"])
        return True

    def _take_pfn(self, text: str) -> bool:
        match = _PFN.match(text)
        if match is None or self._pfn is not None:
            return False
        self._pfn = int(match["pfn"], 16)
        return True

    def _take_page(self, text: str) -> bool:
        match = _PAGE.match(text)
        if match is None and _OLD.match(text):
            self._dump.values = _values(text)
        if match is None:
            return bool(self._dump.values)
        values = _values(match["rest"])
        if self._pfn is not None and "pfn" in values and int(values["pfn"], 16) != self._pfn:
            return False  # of another report, on another CPU
        self._dump.page = match["page"]
        self._dump.values = values or {"page": ""}
        self._wrapped = True
        return True

    def _take_values(self, text: str) -> None:
        if text.lstrip().startswith("(null)"):
            self._dump.values.setdefault("mapping", "(null)")
        self._dump.values = _values(text) | self._dump.values

    def _take_dump(self, text: str) -> bool:
        """The lines between that of the page and that of the CPU. Each is there once: another one
        is another report's."""
        dump = self._dump
        if self._take_rest(text) or ("raw:" in text and self._take_raw(text)):
            return True
        if "flags:" in text:
            if (match := _BAD_FLAGS.match(text)) and dump.bad is None:
                return self._take_bad(match)
            if match := _FLAGS.match(text):
                return self._take_flags(match)
            if _FLAGS_NEXT.match(text) and dump.names is None:
                self._flags_follow = True
                return True
        if "because: " in text and (match := _REASON.match(text)) and not dump.reason:
            dump.reason = reason_of(match["reason"])
        elif "mem" in text and (match := _MEMCG.match(text)) and dump.memcg is None:
            dump.memcg = match["memcg"]
        elif "page_type: " in text and (match := _TYPE.match(text)) and not dump.page_type:
            dump.page_type = match["name"]
        elif "aops:" in text and (match := _AOPS.match(text)) and not dump.aops:
            dump.aops = match["aops"]
        else:
            return self._owner.take(text)
        return True

    def _take_rest(self, text: str) -> bool:
        """What a mail broke off the line before."""
        flags, self._flags_follow = self._flags_follow, False
        raw, self._raw_follows = self._raw_follows, False
        if flags and (match := _FLAGS_REST.match(text)):
            return self._take_flags(match)
        if raw and (match := _RAW_REST.match(text)):
            words = match["words"].split()
            if {len(word) for word in words} == {len(self._dump.raw[0])}:
                self._add_raw(words)
                return True
        return False

    def _take_raw(self, text: str) -> bool:
        match = _RAW.match(text)
        if match is None or self._dump.reason or len(self._dump.raw) >= _WORDS_MAX:
            return False
        words = match["words"].split()
        if not self._dump.has_raw_line(words):
            return False
        self._add_raw(words)
        return True

    def _add_raw(self, words: list[str]) -> None:
        self._dump.raw += words
        self._raw_follows = len(self._dump.raw) % _RAW_OF_LINE[len(words[0])] > 0

    def _take_flags(self, match: re.Match[str]) -> bool:
        if self._bad_follows:
            return self._take_bad(match)
        if self._dump.names is not None:
            return False
        self._dump.values["flags"] = match["flags"]
        self._dump.names = _split(match["names"])
        return True

    def _take_bad(self, match: re.Match[str]) -> bool:
        self._bad_follows = match["flags"] is None
        if self._bad_follows:
            return True
        if int(match["flags"], 16) & ~int(self._dump.values.get("flags", "0"), 16):
            return False  # these flags are not this page's
        self._dump.bad = (match["flags"], _split(match["names"]))
        return True

    def _take_taint(self, text: str) -> None:
        if not self._taint and (match := _TAINT.search(text)):
            self._taint = match["letters"]

    def struct_page(self, printed: str | None) -> StructPage:
        """What the address means that the report has, or one in its place."""
        release = release_of(self._trace.release)
        return struct_page(printed, release, "count" in self._dump.values, self._i386)

    @property
    def has_unused_index(self) -> bool:
        return has_unused_index(self._dump)

    def event(self, boot: str) -> BadPage:
        """What the report says; None for what it does not say."""
        stack = from_bad_page(self._trace.stack)
        path = path_of(self._dump.reason, stack)
        release = release_of(self._trace.release)
        state = page_state(self._dump, release, path)
        page = self.struct_page(self._dump.page)
        names, fields = state.decoded
        words = state.words
        return BadPage(
            t=seconds(self._line),
            boot=boot,
            kernel=self.kernel,
            by=self._trace.task or Task(0, 0, self._comm),
            pfn=self._pfn,
            page=page.virtual,
            page_phys=page.physical,
            flags="" if state.flags is None else hex(state.flags),
            flag_names=names,
            fields=fields,
            refcount=state.refcount,
            mapcount=state.mapcount,
            mapping=_hex(state.mapping),
            memcg=_hex(state.memcg),
            triggered=state.triggers,
            path=path,
            reason=self._dump.reason,
            stack=stack,
            unreliable=self._trace.unreliable,
            words=tuple(f"0x{word}" for word in self._dump.raw),
            owner=tuple(self._owner.lines),
            owners=self._owner.owners(),
            private=_hex(words.private if words else None),
            lru=tuple(hex(word) for word in words.lru) if words else (),
            taint=self._taint,
            modules=self._modules,
            lines=self.lines,
        )


def _values(text: str) -> dict[str, str]:
    """The first of each key."""
    found: dict[str, str] = {}
    for key, value in _VALUE.findall(text):
        if key not in _UNSIGNED or value[0] not in "-(":
            found.setdefault(key, value)
    return found


def _hex(value: int | None) -> str | None:
    return None if value is None else hex(value)


def _split(names: str) -> tuple[str, ...]:
    return tuple(filter(None, names.split("|")))


KIND = Kind("bad-page", (b"ad page state",), HEAD, BadPageReport)

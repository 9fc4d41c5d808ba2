"""What the lines of a bad page's report mean: values, flags, and every test that failed."""

from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from ktrace.events import Trigger
from ktrace.kernel.old_memory_map import HASHED_SINCE, is_real
from ktrace.kernel.page_flag_eras import era_of_release, era_that_prints, page_flags_of
from ktrace.kernel.page_flags import PageFlags, count_triggers, refused
from ktrace.kernel.page_types import page_type
from ktrace.kernel.page_words import PageWords, page_words
from ktrace.sources.log.bad_page_reason import COMPOUND, OF_REASON, TAIL, is_known

_TESTED_BEFORE_FLAGS = ("mapcount", "mapping", "refcount")
_RAW_LINE = 64  # digits of the words in one line: print_hex_dump() with 32 bytes
_FULL = 8  # words, behind which no whole line comes


@dataclass(slots=True)
class PageDump:
    """The lines, as far as they were there."""

    page: str | None = None  # as printed, which may be a hash
    values: dict[str, str] = field(default_factory=dict)
    names: tuple[str, ...] | None = None  # of the flags, as the kernel prints them
    bad: tuple[str, tuple[str, ...]] | None = None  # "bad because of flags"
    raw: list[str] = field(default_factory=list)
    reason: str = ""
    memcg: str | None = None
    page_type: str = ""  # the name that is printed
    aops: str = ""  # printed when mapping is that of a file

    def has_raw_line(self, words: list[str]) -> bool:
        """May the words be its own? The first are the flags; where node and zone come again, it is
        the first line of another CPU's report."""
        flags, first = self.values.get("flags"), int(words[0], 16)
        if not self.raw:
            return flags is None or first == int(flags, 16)
        half = len(words[0]) // 2
        if len(self.raw) >= _FULL and len(words) >= _FULL // 2:
            return False
        return not int(words[0][:half], 16) or words[0][:half] != self.raw[0][:half]

    @property
    def whole_raw(self) -> list[str]:
        """None where they are the second line alone: the first one begins with the flags."""
        alone = len(self.raw) > 2 and len(self.raw) * len(self.raw[0]) <= _RAW_LINE
        second = alone and "flags" not in self.values and self.raw[2] == _UNUSED[6]
        return [] if second else self.raw


def is_bad_pages(dump: PageDump) -> bool:
    """Does it say that bad_page() has printed it?"""
    return is_known(dump.reason) or dump.bad is not None


# Of a page that nobody has, since v4.18: the list head, and the counts
_UNUSED = {1: "dead000000000100", 2: "dead000000000122", 6: "00000000ffffffff"}
INDEX = 4  # the word with the page's
_ALIKE_MAX = 1 << 10
_alike: dict[object, "PageState"] = {}


def page_state(dump: PageDump, release: tuple[int, ...], path: str) -> "PageState":
    """Pages that are alike, but for page frame and index, are judged once."""
    key = (_without_index(dump), dump.names, dump.bad, dump.reason, dump.memcg, dump.page_type)
    whole = (*key, dump.aops, len(dump.page or ""), dump.page is None, release, path)
    known = _alike.get(whole)
    if known is None:
        if len(_alike) >= _ALIKE_MAX:
            _alike.clear()
        known = _alike[whole] = PageState(dump, release, path)
    return known


def _without_index(dump: PageDump) -> tuple[object, ...]:
    """Values and words."""
    raw = tuple(dump.raw)
    if has_unused_index(dump):
        raw = (*raw[:INDEX], "", *raw[INDEX + 1 :])
    return (raw, *[item for item in dump.values.items() if item[0] not in ("index", "pfn")])


def has_unused_index(dump: PageDump) -> bool:
    """The word with the index means nothing where the others show that it is one, since both counts
    and the list head are where v4.18 and later have them."""
    counts = (dump.values.get("refcount"), dump.values.get("mapcount"))
    return (
        len(dump.raw) == 8
        and counts == ("0", "0")
        and all(dump.raw[n] == word for n, word in _UNUSED.items())
    )


class PageState:
    """A dump, read with what is known of its kernel."""

    def __init__(self, dump: PageDump, release: tuple[int, ...], path: str) -> None:
        """release: () where it is not known. path: alloc, free, or ""."""
        self._dump = dump
        self._release = release
        self._path = path
        self._printed_count = self._decimal("refcount", "count")
        self._printed = self._decimal("mapcount")
        raw = dump.whole_raw
        self.words: PageWords | None = page_words(raw, self._printed_count, self._printed)
        self.flags: int | None = self._flags()
        self.layout = _layout(self.flags, dump.names, release, self.wide)

    @property
    def wide(self) -> bool:
        """Whether the kernel's words have 64 bits."""
        if self._dump.raw:
            return len(self._dump.raw[0]) > 8
        return self._dump.page is None or len(self._dump.page) > 8

    @cached_property
    def refcount(self) -> int | None:
        printed = self._printed_count
        return self.words.refcount if printed is None and self.words else printed

    @cached_property
    def mapcount(self) -> int | None:
        """As the kernel prints it."""
        printed = self._printed
        if printed is None and self.words and self.words.mapcount is not None:
            raw = self.words.mapcount
            return raw - (raw >> 31 << 32) + 1
        return printed

    @cached_property
    def mapping(self) -> int | None:
        """page_mapping(), as the kernel prints it; where that is a hash, the raw word."""
        printed = self._dump.values.get("mapping")
        value = None if printed is None else _pointer(printed)
        if printed is None or value is None:
            return self.words.mapping if self.words else None
        if value == 0:
            return 0
        if self.words and self.words.mapping is not None:
            return self.words.mapping
        old = "count" in self._dump.values
        wide = len(printed.removeprefix("0x")) > 8
        unhashed = self._release < HASHED_SINCE if self._release else old
        return value if unhashed or is_real(value, wide, self._release, old) else None

    def _tested_mapping(self) -> int | None:
        """page->mapping: that of a slab or anonymous page is printed as NULL."""
        if self.words and self.words.mapping is not None:
            return self.words.mapping
        return self.mapping

    @cached_property
    def memcg(self) -> int | None:
        if self._dump.memcg:
            return int(self._dump.memcg, 16)
        known = self.words and self._reason_is("memcg")
        return self.words.memcg if known and self.words else None

    @cached_property
    def decoded(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names and fields of the flags: the kernel's own where it printed them."""
        names = self._dump.names
        if names is not None:
            return (
                tuple(name for name in names if "=" not in name),
                tuple(name for name in names if "=" in name),
            )
        if self.layout is None or self.flags is None:
            return (), ()
        decoded = self.layout.decode(self.flags)
        return decoded.names, decoded.fields

    @cached_property
    def triggers(self) -> tuple[Trigger, ...]:
        """Every test that failed, as far as the report tells."""
        reason = self._dump.reason
        if reason in TAIL or reason in COMPOUND:
            return (Trigger("tail" if reason in TAIL else "compound", "", (reason,)),)
        type_ = self._type()
        mapcount, mapping = self._tested_mapcount(type_), self._tested_mapping()
        counted = count_triggers(self.refcount, mapcount, mapping, self.memcg, None, type_)
        found = [*self._flag_trigger(), *counted]
        what = OF_REASON.get(reason)
        told = {trigger.what for trigger in found}
        if what and what not in told and not (what == "mapcount" and "page_type" in told):
            found.append(Trigger(what, "", ()))
        return tuple(self._named(trigger) for trigger in found)

    def _named(self, trigger: Trigger) -> Trigger:
        """With what the kernel says that mapping is of."""
        if trigger.what == "mapping" and self._dump.aops:
            return Trigger(trigger.what, trigger.bits, (self._dump.aops,))
        return trigger

    def _type(self) -> str:
        if self._dump.page_type:
            return self._dump.page_type
        raw = self._raw_mapcount()
        return "" if raw is None or raw == 0xFFFFFFFF else page_type(raw, self._release)

    def _raw_mapcount(self) -> int | None:
        if self.words and self.words.mapcount is not None:
            return self.words.mapcount
        printed = self._printed
        return None if printed is None else printed - 1 & 0xFFFFFFFF

    def _tested_mapcount(self, type_: str) -> int | None:
        """_mapcount + 1; 6.9 and later print 0 for a page that has a type, which is tested, too."""
        if not type_:
            return self.mapcount
        raw = self._raw_mapcount()
        return None if raw is None else (raw + 1) & 0xFFFFFFFF

    def _flag_trigger(self) -> tuple[Trigger, ...]:
        if self._dump.bad:
            return (Trigger("flags", self._dump.bad[0], self._dump.bad[1]),)
        if OF_REASON.get(self._dump.reason) in _TESTED_BEFORE_FLAGS:
            return ()  # the flags were in order
        names, _ = self.decoded
        if self.layout is not None and self.flags is not None:
            return self.layout.flag_triggers(self._path, self.flags)
        return self._by_name(names)

    def _by_name(self, names: tuple[str, ...]) -> tuple[Trigger, ...]:
        """Without a table: the names that the check minds. On allocation it minds all of them, and
        they are the lowest set bits."""
        said = "flag" in self._dump.reason
        minded = refused(self._path, names)
        if not minded or (not self._path and not self._dump.reason):
            return (Trigger("flags", "", ()),) if said else ()
        if len(minded) < len(names) or self.flags is None:
            return (Trigger("flags", "", minded),)
        set_bits = [1 << bit for bit in range(self.flags.bit_length()) if self.flags & 1 << bit]
        return (Trigger("flags", hex(sum(set_bits[: len(names)])), minded),)

    def _reason_is(self, what: str) -> bool:
        return OF_REASON.get(self._dump.reason) == what

    def _flags(self) -> int | None:
        if "flags" in self._dump.values:
            return int(self._dump.values["flags"], 16)
        return self.words.flags if self.words else None

    def _decimal(self, *keys: str) -> int | None:
        for key in keys:
            text = self._dump.values.get(key, "")
            if text.removeprefix("-").isdecimal() and len(text) <= 12:
                return int(text)
        return None


def _pointer(printed: str) -> int:
    return 0 if printed == "(null)" else int(printed.removeprefix("-"), 16)


@lru_cache(maxsize=1 << 10)
def _layout(
    flags: int | None, names: tuple[str, ...] | None, release: tuple[int, ...], wide: bool
) -> PageFlags | None:
    """The table for the log's kernel, or one that agrees with the names that it printed."""
    if flags is None:
        return None
    era = era_of_release(release, not wide) if release else None
    layout = page_flags_of(era) if era else None
    if names is None:
        return layout
    printed = {name for name in names if "=" not in name}
    if layout and set(layout.bit_names(flags & sum(1 << bit for bit in layout.names))) == printed:
        return layout
    other = era_that_prints(flags, printed, release) if wide else None
    return page_flags_of(other) if other else None

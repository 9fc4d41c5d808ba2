"""The lines of a log that reports are made of: found by markers, prefix off, wraps undone."""

import re
from collections.abc import Callable, Iterator

from ktrace.sources.log import headless
from ktrace.sources.log import prefix as prefixes
from ktrace.sources.log.bad_page_heads import is_whole
from ktrace.sources.log.bulk import many
from ktrace.sources.log.heads import Head, Heads
from ktrace.sources.log.kind import Kind
from ktrace.sources.log.line import LogLine
from ktrace.sources.log.mention import is_mention
from ktrace.sources.log.prefix import Prefix
from ktrace.sources.log.readable import Readable
from ktrace.sources.log.records import Message, Records, has_records
from ktrace.sources.log.scanner import Scanner
from ktrace.sources.log.text import Decoder
from ktrace.sources.log.wall_clock import WallClock

_UNSURE = 6  # lines until the one that says whose report it is, after one that begins with a name
# Never the end of a line: the first of a part that pstore kept, a tag of a web page
_NO_REST = re.compile(r"(?:[A-Z][a-z]+#\d{1,6} Part\d{1,6}|</?\w{1,10}>)\s*$")
_WRAPS_MAX = 8  # lines that were one
_NARROW = 62  # columns: no mailer breaks lines shorter than that
# of terminals, that break inside words; an end of line may count, or not
_HARD_COLUMNS = frozenset(c + d for c in (80, 120, 132, 160, 200, 240) for d in (-1, 0, 1))


class Lines:
    """Every line while a report is open; else those that begin one."""

    def __init__(
        self, stream: Readable, kinds: tuple[Kind, ...], wanted: Callable[[], bool]
    ) -> None:
        self._heads = Heads(kinds)
        self.scanner = Scanner(stream, (*self._heads.markers, *headless.MARKERS))
        self._marked = self._heads.marked
        self._wanted = wanted
        self._decoder = Decoder()
        self._records = Records()
        self._clock = WallClock()
        self._prefix: Prefix | None = None
        self._closing: re.Pattern[str] | None = None  # what ends each line of the log
        self._unsure = 0  # lines until it is certain where a name begins that a report begins with
        self._taken = 0  # lines of the chunk
        self._held: LogLine | None = None  # until it is known that the next does not go on with it
        self._fields = 0  # lines of the record before its message
        self._width = 0  # of the last line of what is held, columns
        self._length = 0  # of all of them
        self._unbroken = False  # the last line is one word, longer than a mailer's lines

    def __iter__(self) -> Iterator[LogLine]:
        for number, chunk in self.scanner.chunks(self._wants):
            yield from self._lines(number, chunk)
        yield from self._let_go()

    def _lines(self, number: int, chunk: bytes) -> Iterator[LogLine]:
        records = has_records(chunk)
        text, quoted_printable = self._decoder.text(chunk)
        if not records and quoted_printable is None:
            yield from self._together(number, text)
            if self._taken:
                number, text = number + self._taken, text[text.rfind("\n", 0, -1) + 1 :]
        lines = self._decoder.lines(text, quoted_printable)
        yield from self._one_by_one(number, lines, records)

    def _let_go(self) -> Iterator[LogLine]:
        """What is held: nothing goes on with it."""
        if self._held is not None:
            yield self._held
            self._held = None

    def _one_by_one(self, number: int, lines: list[str | None], records: bool) -> Iterator[LogLine]:
        marked, wanted = self._marked, self._wanted
        for index, raw in enumerate(lines, number):
            message = self._records.message(raw) if records and raw is not None else None
            if raw is None or (records and message is None):
                self._fields += 1
                continue
            if message is not None and message.goes_on:
                if self._held is not None:
                    self._join(message.text, index, inside=True)
                continue
            line = prefixes.unquoted(message.text if message else raw)
            if self._closing is not None:
                line = self._closing.sub("", line)
            known = self._prefix
            match = known.match(line) if known else None
            if match is not None and self._held is not None and message is None:
                text = line[match.end() :].strip()
                if not marked(text):  # the most usual line
                    yield self._held
                    self._held = None
                    if wanted():
                        if self._unsure:
                            text = self._corrected(line, text)
                        self._keep(index, line, text, match)
                        continue
                    if headless.head(text) is None:
                        continue
            if self._held is not None:
                whole = message is not None and message.whole
                if match is None and not whole and self._goes_on(line):
                    self._join(line, index)
                    continue
                yield self._held
                self._held = None
            self._hold(index, line, match, message)

    # Many lines at once ---------------------------------------------------------------------------

    def _together(self, number: int, text: str) -> Iterator[LogLine]:
        """The lines but for the last, as _one_by_one() would yield them; none where not all can be
        read so."""
        plain = self._prefix is not None and self._closing is None
        known = many(text, self._prefix, self._heads) if plain and self._prefix else None
        self._taken = len(known.whole) - 2 if known else 0
        if known is None:
            return
        yield from self._let_go()
        index, marked, wanted = 0, known.marked, self._wanted
        for part in known.parts:
            if not isinstance(part, list):
                if wanted():
                    yield LogLine.of_whole(number + index, part)
                    index += part.length
                    continue
                lines = part.lines
            else:
                lines = part
            for line in lines:
                if index in marked:
                    yield self._head_line(number + index, line, marked[index], known.whole[index])
                elif wanted():
                    yield LogLine(number + index, line)
                elif trace := headless.head(line):
                    yield self._head_line(number + index, line, Head(*trace, 0), known.whole[index])
                index += 1

    def _head_line(self, number: int, text: str, head: Head | None, line: str) -> LogLine:
        """text: of the line, its prefix off."""
        assert self._prefix
        found = LogLine(number, text)
        match = self._prefix.match(line)
        before = match[0] if match else ""
        if head is not None:
            found.head = (head.kind, head.match)
            found.mentioned = head.kind not in headless.KINDS and is_mention(before)
        self._set_time(found, before, None)
        return found

    def _wants(self) -> bool:
        return self._held is not None or self._wanted()

    def _hold(
        self, number: int, line: str, match: re.Match[str] | None, message: Message | None
    ) -> None:
        """Keep the line, if anybody wants it."""
        begin = match.end() if match else self._unknown(line)
        text = line[begin:].strip()
        marked = self._marked(text) or (match is None and self._marked(line))
        trace = None
        if not marked and not self._wanted():
            trace = headless.head(text)
            if trace is None:
                return
        found = LogLine(number, text)
        if trace is not None:
            found.head = trace
            self._set_time(found, line[:begin], message)
        if marked:
            begin = self._find_head(found, line, begin)
            self._set_time(found, line[:begin], message)
        if message is not None:
            found.spread, self._fields = 1 + self._fields, 0
        if match is not None and begin == match.end():
            found.caller = match["caller"] or ""
        elif "[" in line[:begin]:
            found.caller = prefixes.caller(line[:begin])
        found.prefixed = begin > 0
        self._held = found
        self._width = self._length = len(line)
        self._unbroken = False

    def _keep(self, number: int, line: str, text: str, match: re.Match[str]) -> None:
        """A line that begins nothing."""
        found = self._held = LogLine(number, text)
        found.prefixed = True
        if caller := match["caller"]:
            found.caller = caller
        self._width = self._length = len(line)
        self._unbroken = False

    def _unknown(self, line: str) -> int:
        """Where the text begins in a line that has not the prefix that was learnt. Another usual
        one is learnt, unless the line is a daemon's."""
        begin = prefixes.unknown(line)
        if begin:
            other = Prefix(line[:begin])
            known = self._prefix
            if other.substantial and (known is None or other.kernel >= known.kernel):
                self._prefix = other
        return begin

    def _corrected(self, line: str, text: str) -> str:
        """Without what a name that a report begins with has hidden of the prefix."""
        self._unsure -= 1
        anchor = prefixes.ANCHOR.search(line)
        if anchor is None:
            return text
        self._unsure = 0
        if not text.startswith(anchor[0]):
            self._prefix = Prefix(line[: anchor.start()])
        return line[anchor.start() :].strip()

    # The first line of a report ------------------------------------------------------------------

    def _find_head(self, found: LogLine, line: str, begin: int) -> int:
        """Sets the head and its text; returns where the text begins."""
        head = self._heads.find(line, begin)
        if head is None:
            return begin
        self._closing = prefixes.closing(line[: head.start])
        if self._closing is not None:
            line = self._closing.sub("", line)
            head = self._heads.find(line, begin) or head
        found.head = (head.kind, head.match)
        found.text = line[head.start :].strip()
        found.mentioned = is_mention(line[: head.start])
        if not found.mentioned:
            self._learn(line[: head.start])
        self._unsure = 0 if head.kind.anchored else _UNSURE
        return head.start

    def _learn(self, before: str) -> None:
        """What stands before a head is this log's prefix, unless it is one that is known."""
        match = self._prefix.match(before) if self._prefix else None
        if match is None or not prefixes.is_rest(before[match.end() :]):
            new = prefixes.learnt(before)
            self._prefix = new if new and new.substantial else None

    def _set_time(self, found: LogLine, before: str, message: Message | None) -> None:
        stamp = prefixes.stamp(before)
        if message is not None:
            stamp = message.t if stamp is None else stamp
            found.boot = message.boot
        only_stamp = before.startswith("[") and ":" not in before  # the most usual prefix: no date
        wall = None if only_stamp else self._clock.seconds(before)
        found.stamped = stamp is not None
        found.t = stamp if stamp is not None else wall

    # Lines that a mailer or a terminal has wrapped -----------------------------------------------

    def _goes_on(self, line: str) -> bool:
        """Is the line, which has not the prefix, the rest of what is held?"""
        held = self._held
        assert held
        words = line.split(None, 1)
        if not words or held.last - held.number >= _WRAPS_MAX or _NO_REST.match(line):
            return False
        if held.head is None and self._marked(held.text) and self._completes(held, line):
            return True
        if not held.prefixed or self._prefix is None or not self._prefix.stamped:
            return False
        if held.head is not None and is_whole(held.head[1]):
            return False
        if self._marked(line) and self._heads.completed(line):
            return False
        wide = self._width + 1 + len(words[0]) > _NARROW or self._length in _HARD_COLUMNS
        return wide and not prefixes.usual(line.lstrip()) and not prefixes.STAMP.search(line)

    def _completes(self, held: LogLine, line: str) -> bool:
        """Does a first line end here that has no end without it?"""
        both = f"{held.text} {line.strip()}"
        return any(
            kind.head.search(both) and not kind.head.search(line) for kind in self._heads.kinds
        )

    def _join(self, line: str, number: int, inside: bool = False) -> None:
        """inside: it was broken in the middle of a word, perhaps."""
        held = self._held
        assert held
        if not inside:
            inside = self._length in _HARD_COLUMNS or self._unbroken
            inside &= not held.text.endswith(" ") and not line.startswith(" ")
        held.text = (held.text + ("" if inside else " ") + line).strip()
        held.last = number
        self._unbroken = len(line) > _NARROW and " " not in line.strip()
        self._width = len(line)
        self._length += len(line)
        if held.head is not None or self._marked(held.text):
            held.head = self._heads.completed(held.text) or held.head

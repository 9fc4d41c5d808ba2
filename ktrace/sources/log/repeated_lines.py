"""The lines of a log in which reports that are alike come as one line each."""

from collections.abc import Callable, Iterator

from ktrace.sources.log.alike import Alike
from ktrace.sources.log.kind import Kind
from ktrace.sources.log.line import LogLine
from ktrace.sources.log.lines import Lines
from ktrace.sources.log.prefix import Prefix
from ktrace.sources.log.readable import Readable
from ktrace.sources.log.records import has_records
from ktrace.sources.log.repeats import Repeats
from ktrace.sources.log.shape import Found


class RepeatedLines(Lines):
    """As Lines; a line with `repeat` is a whole report."""

    def __init__(
        self,
        stream: Readable,
        kinds: tuple[Kind, ...],
        alike: dict[str, type[Alike]],
        wanted: Callable[[], bool],
        is_free: Callable[[Alike], bool],
    ) -> None:
        """is_free: see Repeats."""
        super().__init__(stream, kinds, wanted)
        self.repeats = Repeats(alike, self._heads, is_free)

    def _wants(self) -> bool:
        return self.repeats.going_on or super()._wants()

    def _lines(self, number: int, chunk: bytes) -> Iterator[LogLine]:
        if self._plain_prefix() is None or not chunk.isascii() or has_records(chunk):
            self.repeats.going_on = False
            yield from super()._lines(number, chunk)
            return
        self.repeats.begin(chunk.decode("ascii"))
        prefix = self._plain_prefix()
        at, first = 0, number
        while at < len(chunk):
            if prefix and (known := self.repeats.find(at, prefix)):
                if self._held is not None:
                    yield from self._let_go()
                alike, found = known
                if self.repeats.accepts(alike, found):
                    yield self._whole(number, alike, found)
                    number += found.lines
                    at = found.end
                    continue
            rest = self.repeats.rest(at)
            if rest is None:
                self.scanner.give_back(len(chunk) - at)
                break
            yield from super()._lines(number, chunk[at : rest.end])
            prefix = self._plain_prefix()
            if rest.whole and prefix:
                self.repeats.learn(at, rest.end, prefix)
            number += chunk.count(b"\n", at, rest.end)
            at = rest.end
        self.scanner.counted(number - first)

    def _plain_prefix(self) -> Prefix | None:
        """None: lines are not what they are in the text."""
        return self._prefix if self._decoder.is_plain and self._closing is None else None

    def _whole(self, number: int, alike: Alike, found: Found) -> LogLine:
        line = LogLine(number, "")
        line.repeat = (alike, found)
        self._set_time(line, found.before, None)
        return line

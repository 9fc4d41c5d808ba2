"""The report of a bad page whose first line is not in the log: the ring buffer had no more of it,
or whoever copied it.

dump_page() prints such lines for others, too (memory that cannot be moved, VM_BUG_ON_PAGE()): the
reason, or the call trace, shows that bad_page() has called it.
"""

import re
from collections.abc import Iterable

from ktrace.events import Event
from ktrace.kernel.wait_functions import function_of
from ktrace.sources.log.bad_page import BadPageReport
from ktrace.sources.log.bad_page_dump import is_bad_pages
from ktrace.sources.log.kind import Kind
from ktrace.sources.log.line import LogLine

MARKER = b"mapcount:"
_HEAD = re.compile(
    r"page:\s?(?:[0-9a-f]{8,16}|\(\w*\))?\s?(?:flags:\w+ )?(?:ref)?count:-?\d+ mapcount:-?\d+ "
    r"mapping:.*?(?:\bpfn:0x(?P<pfn>[0-9a-f]{1,16}))?\s*$"
)


class TornBadPage(BadPageReport):
    """From the line of the page on."""

    def __init__(self, line: LogLine, head: re.Match[str]) -> None:
        super().__init__(line, head)
        self.take(line)

    @property
    def untold(self) -> bool:
        """Nothing says who printed it."""
        return not self._dump.reason and not self._is_bad_pages

    @property
    def _is_bad_pages(self) -> bool:
        functions = {function_of(frame).partition(".")[0] for frame in self._trace.stack}
        return is_bad_pages(self._dump) or "bad_page" in functions

    def events(self, boot: str) -> Iterable[Event]:
        if self._is_bad_pages:
            yield self.event(boot)


KIND = Kind("torn-bad-page", (MARKER,), _HEAD, TornBadPage)


def head(text: str) -> tuple[Kind, re.Match[str]] | None:
    """For a line, without its prefix, by which a page's dump begins; to be asked only where no
    report is open that it could be of."""
    match = _HEAD.match(text) if text.startswith("page:") else None
    return (KIND, match) if match else None

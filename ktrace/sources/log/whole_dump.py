"""What dump_page() prints of a struct page, read in one piece, in the form of 4.18 to 6.8."""

import re
from collections.abc import Iterator

from ktrace.record import record

_LAST = "page dumped because: "
_DUMP = re.compile(
    r"page:(?P<page>[0-9a-f]{8,16}) refcount:(?P<refcount>-?[0-9]{1,11}) "
    r"mapcount:(?P<mapcount>-?[0-9]{1,11}) mapping:(?P<mapping>[0-9a-f]{16}) "
    r"index:(?P<index>0x[0-9a-f]{1,16}) pfn:(?P<pfn>0x[0-9a-f]{1,16})\n"
    r"flags: (?P<flags>0x[0-9a-f]{1,16})\((?P<names>[^()\n]*)\)\n"
    r"raw:(?P<raw>(?: [0-9a-f]{16}){4})\nraw:(?P<more>(?: [0-9a-f]{16}){4})\n"
    rf"{_LAST}(?P<reason>[^\n]*)\n"
)
_VALUES = ("refcount", "mapcount", "mapping", "index", "pfn", "flags")


@record
class WholeDump:
    """From "page:" to the reason."""

    match: re.Match[str]

    @property
    def text(self) -> str:
        return self.match[0]

    @property
    def lines(self) -> list[str]:
        return self.text.split("\n")[:-1]

    @property
    def length(self) -> int:
        """Lines."""
        return 5

    @property
    def free_text(self) -> tuple[str, ...]:
        """What may be anything."""
        return (self.match["names"], self.match["reason"])

    @property
    def values(self) -> dict[str, str]:
        """As printed."""
        return dict(zip(_VALUES, self.match.group(*_VALUES), strict=True))

    @property
    def raw(self) -> list[str]:
        return f"{self.match['raw']}{self.match['more']}".split()


def with_dumps(text: str) -> Iterator[str | WholeDump]:
    """Of lines, each with its end: those between dumps, and dumps, in order."""
    at = search = 0
    while (last := text.find(f"\n{_LAST}", search)) >= 0:
        search = last + 1
        page = text.rfind("\npage:", at, last) + 1
        dump = _DUMP.match(text, page) if page else None
        if dump is not None:
            yield text[at:page]
            yield WholeDump(dump)
            at = search = dump.end()
    if at < len(text):
        yield text[at:]

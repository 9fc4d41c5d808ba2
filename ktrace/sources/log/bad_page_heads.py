"""The first line of bad_page()'s report, since 2.6.9.

mm/page_alloc.c: "Bad page state at prep_new_page (in process 'kswapd0', page c15b8d80)" in 2.6.9,
"Bad page state in process 'httpd'" until 2.6.28, "BUG: Bad page state in process dd  pfn:0a123"
since.
"""

import re
from typing import NamedTuple

HEAD = re.compile(
    r"(?:BUG: Bad page state in process (?P<comm>.*?)(?:\s+pfn:(?P<pfn>[0-9a-f]{1,16}))?"
    r"|Bad page state (?:in process '(?P<quoted>.{1,64})'"
    r"|at \w+ \(in process '(?P<old>.{1,64})', page (?P<page>[0-9a-f]{8,16})\)))"
    r"\s*(?:(?<=[0-9a-f])\[\s*\d+\.\d{6}\].*)?$"  # of another message, on a serial console
)


class First(NamedTuple):
    """What it says. comm: None where it is not known."""

    comm: str | None
    pfn: int | None
    page: str | None


def first_line(head: re.Match[str]) -> First:
    """head: of any pattern with some of those groups."""
    words = head.groupdict()
    comm = next((words[key] for key in ("comm", "quoted", "old") if words.get(key)), None)
    pfn = words.get("pfn")
    return First(comm, int(pfn, 16) if pfn else None, words.get("page"))


def is_whole(head: re.Match[str]) -> bool:
    """Can no line go on with it?"""
    return bool(head.groupdict().get("pfn"))

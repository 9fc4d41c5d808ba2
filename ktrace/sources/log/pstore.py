"""The parts in which pstore keeps the end of a kernel's log: put in order.

pstore_dump() of fs/pstore/platform.c begins each with "Panic#1 Part2", the reason, which dump since
the boot, and which part: Part1 is the newest. So `cat /sys/fs/pstore/*` has the end first.
"""

import re
from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

MAX = 16 << 20  # bytes; the largest pstore areas have less
_HEADER = re.compile(
    rb"^([A-Za-z]{1,20}(?: [A-Za-z]{1,20})?)#(\d{1,6}) Part(\d{1,6})\r?\n", re.MULTILINE
)


class Part(NamedTuple):
    """dump: reason and number, alike for all parts of one dump."""

    dump: tuple[bytes, bytes]
    number: int
    text: bytes  # without the header


def is_part(start: bytes) -> bool:
    """Is this the beginning of one?"""
    return _HEADER.match(start) is not None


def parts_of(log: bytes) -> list[Part]:
    """Those of a file that begins with one, as they stand there."""
    found = [*_HEADER.finditer(log)]
    ends = [match.start() for match in found[1:]] + [len(log)]
    return [
        Part((match[1], match[2]), int(match[3]), log[match.end() : end])
        for match, end in zip(found, ends, strict=True)
    ]


def in_order(parts: Iterable[Part]) -> bytes:
    """The log that they are parts of: each dump its oldest part first, and the dumps in their order
    where their numbers tell it. A part that comes again begins another dump: of another boot."""
    dumps: list[tuple[int, bytes]] = []
    for (_, number), same in groupby(parts, key=lambda part: part.dump):
        dump: dict[int, bytes] = {}
        for part in same:
            if part.number in dump:
                dumps.append((int(number), _oldest_first(dump)))
                dump = {}
            dump[part.number] = part.text
        dumps.append((int(number), _oldest_first(dump)))
    if len({number for number, _ in dumps}) == len(dumps):
        dumps.sort()
    return b"".join(log for _, log in dumps)


def _oldest_first(dump: dict[int, bytes]) -> bytes:
    texts = [dump[number] for number in sorted(dump, reverse=True)]
    return b"".join(text if text.endswith(b"\n") else text + b"\n" for text in texts)

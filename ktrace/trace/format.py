"""One line of a trace file: JSON that ends with a CRC-32 of itself."""

import json
import re
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

FORMAT = 2
READ_FORMATS = (1, 2)  # in 1, every walk tells all of its looks
MAX_LINE = 1 << 20  # bytes; what the reader has in memory at a time
# The writer forgets all stacks when it has numbered so many, the reader the oldest when it knows
# so many: neither grows for ever, and whatever is referred to is known.
MAX_STACKS = 4096

_START = re.compile(rb'\{"kind":')
_CHECKSUM = re.compile(rb',"crc":"[0-9a-f]{8}"\}')
_CHECKSUM_LENGTH = len(b',"crc":"89abcdef"}')
_MAX_NESTING = 100  # lists and objects in one another; a chain of blockers has 16 links
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class BadLine(ValueError):
    """A line that is damaged, or was made to look like one of a trace."""


def encode_line(record: dict[str, Any]) -> bytes:
    """The line of a record, with its newline. Raises ValueError if JSON cannot hold it."""
    body = _encode(record)[:-1].encode("ascii")
    return b'%b,"crc":"%08x"}\n' % (body, zlib.crc32(body))


def decode_line(line: bytes) -> dict[str, Any]:
    """The record of a line without its newline. Raises BadLine saying what is wrong."""
    if len(line) > MAX_LINE:
        raise BadLine("too long")
    body = line[:-_CHECKSUM_LENGTH]
    if line[-_CHECKSUM_LENGTH:] != b',"crc":"%08x"}' % zlib.crc32(body):
        raise BadLine(_what_is_wrong(line))
    return _decode(line)


def _what_is_wrong(line: bytes) -> str:
    if b"\0" in line:
        return "zero bytes"
    has_checksum = _CHECKSUM.fullmatch(line, max(0, len(line) - _CHECKSUM_LENGTH))
    return "wrong checksum" if has_checksum else "cut off or overwritten"


def salvage(line: bytes) -> Iterator[dict[str, Any]]:
    """The whole records inside a damaged line: a torn line and the next one glued to it."""
    starts = [match.start() for match in _START.finditer(line)]
    for start, following in pairwise([*starts, len(line)]):
        checksum = _CHECKSUM.search(line, start, following)
        if checksum:
            try:
                yield decode_line(line[start : checksum.end()])
            except BadLine:
                continue


def _decode(line: bytes) -> dict[str, Any]:
    """A right checksum says nothing about who made the line: the content may be anything."""
    try:
        text = line.decode()
        record, end = _scan(text, 0)
    except (ValueError, RecursionError, StopIteration):
        raise BadLine("not valid JSON") from None
    if end != len(text):
        raise BadLine("not valid JSON")
    if not isinstance(record, dict):
        raise BadLine("not a JSON object")
    if line.count(b"[") + line.count(b"{") > _MAX_NESTING and _nesting(record) > _MAX_NESTING:
        raise BadLine("nested too deep")
    if b"\\u" in line and (b"\\ud" in line or b"\\uD" in line):
        return {_without_surrogates(key): _without_surrogates(record[key]) for key in record}
    return record


def _nesting(value: Any) -> int:
    """How many lists and objects are in one another."""
    deep, inner = 0, [value]
    while inner := [item for item in inner if isinstance(item, list | dict)]:
        deep += 1
        parts = [item.values() if isinstance(item, dict) else item for item in inner]
        inner = [item for part in parts for item in part]
    return deep


def _without_surrogates(value: Any) -> Any:
    """Half a surrogate pair is text that can be neither printed nor written."""
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
# The scanner alone: decode() looks for blanks around, which ktrace does not write. Python refuses
# integers of more than 4300 digits, typed_json those of more than 64 bits.
_scan: Callable[[str, int], tuple[Any, int]]
_scan = json.JSONDecoder(parse_constant=_no_constant).scan_once  # type: ignore[attr-defined]

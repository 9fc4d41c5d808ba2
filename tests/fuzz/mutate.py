"""Inputs that are a little wrong: bytes, numbers and words changed; of JSON also whole values."""

import json
import re
import zlib
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from ktrace.sources.agent.frames import MOST_PAYLOAD, Frame, FrameReader, FrameType
from tests.sources.agent.streams import frame

_NASTY_TEXT = (
    *("", "-1", "(null)", "0x", "0x-1", "1_0", " 7", "f" * 17, "9" * 30, "1e308", "nan", "\x1b[2J"),
    *("\u202e", "\x00", "x" * 5000, "0xffffffffffffffff", "%s", "\ud800", "task_state", "open"),
)
_NASTY_VALUES = (
    *(None, True, -1, 0, 2**64, 10**19, -(2**63), 1e308, -1e308, 1e12, -1e12, 0.1, 1e-300),
    *([], {}, [[]], [None], {"": None}, "walk", "resolved", "uninterruptible", "dmesg"),
)
_NUMBER = re.compile(rb"\d+|0x[0-9a-f]+")

Mutation = Callable[[bytes], bytes]
_PLACES = st.floats(0, 1, exclude_max=True)


def bytes_mutations() -> st.SearchStrategy[Mutation]:
    """Of any input."""
    pieces = st.binary(max_size=8) | st.sampled_from(
        [t.encode("utf-8", "replace") for t in _NASTY_TEXT]
    )
    return st.one_of(
        st.builds(_overwritten, _PLACES, pieces),
        st.builds(_inserted, _PLACES, pieces),
        st.builds(_cut, _PLACES, _PLACES),
        st.builds(_repeated, _PLACES, st.integers(1, 3)),
        st.builds(_number_changed, _PLACES, pieces),
    )


def json_mutations(sign: Callable[[Any], bytes]) -> st.SearchStrategy[Mutation]:
    """Of one line of JSON Lines, or of one JSON document, each as `sign` writes it."""
    values = st.sampled_from(_NASTY_VALUES) | st.sampled_from(_NASTY_TEXT)
    return st.builds(_value_changed, st.just(sign), _PLACES, _PLACES, values)


def frame_mutations() -> st.SearchStrategy[Mutation]:
    """Of an agent's stream: payloads that are wrong under a right checksum, and frames that are
    missing, doubled or elsewhere."""
    return st.one_of(
        st.builds(_payload_changed, _PLACES, bytes_mutations()),
        st.builds(_type_changed, _PLACES, st.integers(0, len(FrameType) + 1)),
        st.builds(_frame_moved, _PLACES, _PLACES, st.integers(0, 2)),
    )


def signed(record: Any) -> bytes:
    """A line of a trace, its checksum right."""
    record.pop("crc", None)
    body = json.dumps(record, separators=(",", ":"))[:-1].encode()
    return b'%b,"crc":"%08x"}' % (body, zlib.crc32(body))


def _frames(data: bytes) -> list[Frame]:
    return [*FrameReader().feed(data)]


def _payload_changed(place: float, change: Mutation) -> Mutation:
    def mutate(data: bytes) -> bytes:
        frames = _frames(data)
        at = int(place * len(frames))
        return b"".join(
            frame(f.number, f.type, (change(f.payload) if n == at else f.payload)[:MOST_PAYLOAD])
            for n, f in enumerate(frames)
        )

    return mutate


def _type_changed(place: float, kind: int) -> Mutation:
    def mutate(data: bytes) -> bytes:
        frames = _frames(data)
        at = int(place * len(frames))
        return b"".join(
            frame(f.number, kind if n == at else f.type, f.payload) for n, f in enumerate(frames)
        )

    return mutate


def _frame_moved(place: float, to: float, times: int) -> Mutation:
    """0 times: it is gone. All are numbered anew, as if it had been sent so."""

    def mutate(data: bytes) -> bytes:
        frames = _frames(data)
        if not frames:
            return data
        moved = frames.pop(int(place * len(frames)))
        at = int(to * (len(frames) + 1))
        frames[at:at] = [moved] * times
        return b"".join(frame(n, f.type, f.payload) for n, f in enumerate(frames))

    return mutate


def _at(data: bytes, place: float) -> int:
    return int(place * len(data))


def _overwritten(place: float, piece: bytes) -> Mutation:
    return lambda data: data[: _at(data, place)] + piece + data[_at(data, place) + len(piece) :]


def _inserted(place: float, piece: bytes) -> Mutation:
    return lambda data: data[: _at(data, place)] + piece + data[_at(data, place) :]


def _cut(begin: float, end: float) -> Mutation:
    return lambda data: data[: _at(data, begin)] + data[_at(data, max(begin, end)) :]


def _repeated(place: float, times: int) -> Mutation:
    """A line, written again elsewhere."""

    def mutate(data: bytes) -> bytes:
        lines = data.split(b"\n")
        line = lines[int(place * len(lines))]
        return b"\n".join([*lines[: len(lines) // 2], *[line] * times, *lines[len(lines) // 2 :]])

    return mutate


def _number_changed(place: float, piece: bytes) -> Mutation:
    def mutate(data: bytes) -> bytes:
        numbers = [*_NUMBER.finditer(data)]
        if not numbers:
            return data
        match = numbers[int(place * len(numbers))]
        return data[: match.start()] + piece + data[match.end() :]

    return mutate


def _value_changed(sign: Callable[[Any], bytes], line: float, place: float, value: Any) -> Mutation:
    def mutate(data: bytes) -> bytes:
        lines = data.split(b"\n") if sign is signed else [data]
        number = int(line * len(lines))
        try:
            record = json.loads(lines[number])
        except (ValueError, RecursionError):
            return data
        holders = _holders(record)
        if not holders:
            return data
        holder, key = holders[int(place * len(holders))]
        holder[key] = value
        if isinstance(record, dict):
            lines[number] = sign(record)
        return b"\n".join(lines)

    return mutate


def _holders(value: Any) -> list[tuple[Any, Any]]:
    """Everything that can be replaced in it: (list or object, index or key)."""
    items = (
        [*value.items()]
        if isinstance(value, dict)
        else [*enumerate(value)]
        if isinstance(value, list)
        else []
    )
    found = [(value, key) for key, _ in items]
    for _, item in items:
        found += _holders(item)
    return found

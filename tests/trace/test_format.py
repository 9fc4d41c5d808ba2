"""ktrace.trace.format: lines and their checksums."""

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrace.trace.format import BadLine, decode_line, encode_line, salvage

pytestmark = pytest.mark.unit

RECORD = {"kind": "event", "comm": 'a"\\\né', "t": 1.5}
LINE = encode_line(RECORD)


def checked(body: bytes) -> bytes:
    """body as a line with a right checksum: what somebody hostile can make, too."""
    return body[:-1] + b',"crc":"%08x"}' % zlib.crc32(body[:-1])


def test_a_line_is_json_with_the_checksum_of_what_is_before_it() -> None:
    body, _, checksum = LINE.rstrip(b"\n").rpartition(b',"crc":')
    assert json.loads(LINE) == RECORD | {"crc": f"{zlib.crc32(body):08x}"}
    assert checksum == b'"%08x"}' % zlib.crc32(body)
    assert LINE.isascii()
    assert LINE.count(b"\n") == 1


def test_a_line_decodes_to_its_record() -> None:
    decoded = decode_line(LINE[:-1])
    assert {key: decoded[key] for key in RECORD} == RECORD


def test_every_flipped_bit_is_noticed() -> None:
    for bit in range(8 * (len(LINE) - 1)):
        flipped = bytearray(LINE[:-1])
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadLine):
            decode_line(bytes(flipped))


@pytest.mark.parametrize(
    "body",
    [
        b"[1,2]",
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":' + b"[" * 100_000 + b"}",
        b'{"a":"\xff"}',
        b'{"a":1 "b"}',
    ],
)
def test_a_right_checksum_does_not_make_json(body: bytes) -> None:
    with pytest.raises(BadLine):
        decode_line(checked(body))


@pytest.mark.parametrize("half", [rb"\ud800", rb"\uDC41", rb"\udfff"])
def test_half_surrogates_become_printable(half: bytes) -> None:
    line = checked(rb'{"a":["%b"],"%b":1}' % (half, half))
    assert decode_line(line) == {"a": ["\ufffd"], "\ufffd": 1, "crc": line[-10:-2].decode()}


def test_surrogate_pairs_are_one_character() -> None:
    assert decode_line(checked(rb'{"a":"\ud83d\ude00"}'))["a"] == "\N{GRINNING FACE}"


def test_the_zero_bytes_of_a_lost_block_are_named() -> None:
    with pytest.raises(BadLine, match="zero bytes"):
        decode_line(LINE[:10] + bytes(4096) + LINE[10:-1])


def test_whole_records_inside_a_bad_line_are_found() -> None:
    other = encode_line({"kind": "end", "t": 2})[:-1]
    glued = LINE[:20] + other + b"\x0b" + LINE[:-1] + b"\0\0" + other + LINE[:-3]
    assert [record["kind"] for record in salvage(glued)] == ["end", "event", "end"]


@given(st.binary())
def test_any_bytes_are_a_bad_line(data: bytes) -> None:
    with pytest.raises(BadLine):
        decode_line(data)
    assert list(salvage(data)) == []


def test_json_that_json_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        encode_line({"kind": "event", "t": float("nan")})

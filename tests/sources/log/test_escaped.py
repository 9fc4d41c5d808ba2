"""Logs that are one string of JSON."""

import io
import json

import pytest

from ktrace.sources.log.escaped import Escaped, is_escaped
from tests.sources.log.samples import OOM_6_1, V6_1, events_of, stamped

pytestmark = pytest.mark.unit

PLAIN = stamped(V6_1 + OOM_6_1)
AWS = json.dumps({"InstanceId": "i-1", "Output": PLAIN.replace("\n", "\r\n")}).encode()


@pytest.mark.parametrize("size", [1, 2, 5, 7, 100, 1 << 20])
def test_an_escape_may_be_cut_by_the_end_of_a_block(size: int) -> None:
    stream = Escaped(io.BytesIO(AWS))
    text = b"".join(iter(lambda: stream.read(size), b""))
    assert PLAIN.encode() in text
    assert b"\\" not in text


def test_all_reports_are_there() -> None:
    stream = Escaped(io.BytesIO(AWS))
    assert [type(event) for event in events_of(stream.read(1 << 20) + stream.read(1))] == [
        type(event) for event in events_of(PLAIN)
    ]


def test_what_is_such_a_string() -> None:
    assert is_escaped(AWS)
    assert not is_escaped(PLAIN.encode())
    assert not is_escaped(b'{"log":"a\\n"}\n' * 100)  # a string for each line
    assert not is_escaped(b"")

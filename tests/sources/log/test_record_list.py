"""Lists of JSON objects in one line."""

from __future__ import annotations

import io
import json

import pytest

from ktrace.sources.log.record_list import RecordList, is_list
from tests.sources.log.samples import V6_1, events_of

pytestmark = pytest.mark.unit

RECORDS = [
    {"pri": 1, "time": 100 + i / 1e6, "msg": line} for i, line in enumerate(V6_1.splitlines())
]
LISTS = [
    json.dumps({"dmesg": RECORDS}, separators=(",", ":")),  # dmesg --json | jq -c .
    json.dumps({"dmesg": RECORDS}),
    json.dumps([{"log": f"[  {r['time']:.6f}] {r['msg']}", "stream": "x"} for r in RECORDS]),
]


@pytest.mark.parametrize("text", LISTS)
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_each_object_is_a_line(text: str, size: int) -> None:
    stream = RecordList(io.BytesIO(text.encode()))
    parts = []
    while block := stream.read(size):
        parts.append(block)
    assert b"".join(parts).decode() == text.replace("},{", "},\n{").replace("}, {", "},\n{")
    (plain,) = events_of(V6_1)
    (found,) = events_of(b"".join(parts).decode())
    assert found.t == 100.0
    assert (found.pfn, found.stack) == (plain.pfn, plain.stack)  # type: ignore[union-attr]


def test_by_its_beginning() -> None:
    assert all(is_list(text.encode()[:8192]) for text in LISTS)
    assert not is_list("\n".join(map(json.dumps, RECORDS)).encode())
    assert not is_list(V6_1.encode())

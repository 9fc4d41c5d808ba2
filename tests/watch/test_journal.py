"""Findings in systemd's journal, as journald reads them."""

from __future__ import annotations

import json
import socket
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from ktrace.watch.journal import Journal, entry
from tests.trace.samples import FINDING

pytestmark = pytest.mark.unit


def fields(data: bytes) -> dict[str, bytes]:
    """As journald parses an entry: https://systemd.io/JOURNAL_NATIVE_PROTOCOL."""
    found = {}
    while data:
        line, _, data = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (size,) = struct.unpack("<Q", data[:8])
            value, data = data[8 : 8 + size], data[8 + size + 1 :]
        found[name.decode()] = value
    return found


def test_fields_to_select_by() -> None:
    told = replace(FINDING, comm="appd", unit="app.service", container="4f1c", pod_name="web-0")
    found = fields(entry(told))
    assert found["KTRACE_KIND"] == b"stuck-task"
    assert found["KTRACE_STATUS"] == told.status.encode()
    assert found["KTRACE_UNIT"] == b"app.service"
    assert found["KTRACE_CONTAINER"] == b"4f1c"
    assert found["KTRACE_COMM"] == b"appd"
    assert found["KTRACE_POD_NAME"] == b"web-0"
    assert found["KTRACE_FUNCTION"] == told.wait.function.encode()  # type: ignore[union-attr]
    assert found["SYSLOG_IDENTIFIER"] == b"ktrace"
    assert found["PRIORITY"] in (b"4", b"5")
    assert b"appd[" in found["MESSAGE"]
    assert "KTRACE_POD" not in found
    assert json.loads(found["KTRACE_FINDING"])["pid"] == told.pid


@pytest.mark.parametrize("comm", ["a\nKTRACE_KIND=b", "a=b", "\x1b[31m", "\udc80"])
def test_a_name_makes_no_fields_of_its_own(comm: str) -> None:
    found = fields(entry(replace(FINDING, comm=comm)))
    assert found["KTRACE_KIND"] == b"stuck-task"
    assert found["KTRACE_COMM"] == comm.encode(errors="backslashreplace")
    assert b"\n" not in found["MESSAGE"]
    assert b"\x1b" not in found["MESSAGE"]


def test_a_journald_that_takes_nothing_is_not_waited_for(tmp_path: Path) -> None:
    address = str(tmp_path / "journal")
    journald = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    journald.bind(address)
    journal = Journal(address)
    journal.tell(FINDING)
    assert fields(journald.recv(1 << 16))["KTRACE_KIND"] == b"stuck-task"
    assert journal.lost == 0
    for _ in range(10_000):
        journal.tell(FINDING)
    assert journal.lost > 0
    journal.close()
    journald.close()


def test_no_journald(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        Journal(str(tmp_path / "nobody"))

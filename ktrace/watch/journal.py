"""Findings as entries of systemd's journal with fields: journalctl KTRACE_KIND=stuck-task.

The protocol is native to journald: https://systemd.io/JOURNAL_NATIVE_PROTOCOL.
"""

import json
import re
import socket
import struct
from typing import Any

from ktrace.findings import Finding, finding_to_json
from ktrace.views.finding_text import finding_line
from ktrace.watch.fields import fields_of
from ktrace.watch.notify import service_socket

SOCKET = "/run/systemd/journal/socket"
_IDENTIFIER = "ktrace"
# syslog(3): warning while something is wrong, notice when it is over
_PRIORITY = {"open": 4, "update": 5, "resolved": 5}
_LONGEST = 48 << 10  # bytes of a field: an entry has to fit into a datagram
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


class Journal:
    """Where journald does not take an entry at once, it is lost, and counted."""

    name = "the journal"

    def __init__(self, address: str) -> None:
        """Raises OSError."""
        self._socket: socket.socket = service_socket(address)
        self.lost = 0

    def tell(self, finding: Finding) -> None:
        try:
            self._socket.send(entry(finding))
        except OSError:
            self.lost += 1

    def close(self) -> None:
        self._socket.close()


def entry(finding: Finding) -> bytes:
    """The datagram of a finding."""
    record = finding_to_json(finding)
    fields: dict[str, Any] = {
        "MESSAGE": _UNPRINTABLE.sub("?", finding_line(finding)),
        "PRIORITY": _PRIORITY.get(finding.status, 4),
        "SYSLOG_IDENTIFIER": _IDENTIFIER,
    }
    fields |= {f"KTRACE_{name.upper()}": value for name, value in fields_of(record).items()}
    text = json.dumps(record, separators=(",", ":"))
    if len(text) <= _LONGEST:
        fields["KTRACE_FINDING"] = text
    return b"".join(_field(name, str(value)) for name, value in fields.items())


def _field(name: str, value: str) -> bytes:
    """With its length, should it have a newline in it."""
    data = value.encode(errors="backslashreplace")
    if b"\n" in data:
        return b"%b\n%b%b\n" % (name.encode(), struct.pack("<Q", len(data)), data)
    return b"%b=%b\n" % (name.encode(), data)

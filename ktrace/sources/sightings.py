"""The state file of `ktrace bad-page`: bad pages kept over reboots, one JSON object per line.

Each line is that of an event earlier_bad_page, so it is read as strictly as a trace is.
"""

import json
import os
import queue
import threading

from ktrace.detectors.bad_page import Sighting, earlier_event, earlier_sighting
from ktrace.errors import UsageError
from ktrace.events import EarlierBadPage, from_json, to_json

_HEAD = {"kind": "bad-page-state", "format": 1}
_CLOSE_S = 5.0


class StateFile:
    """Read at once; what is added later is written by a thread, so that a file system that hangs
    does not stop the tracing.

    Raises UsageError where the file cannot be read or written, or is not a state file.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.failure = ""
        self.damaged = 0  # lines that could not be read; they stay in the file
        try:
            self._file = open(path, "a+b", buffering=0)  # noqa: SIM115
            self._file.seek(0)
            content = self._file.read()
        except OSError as error:
            raise UsageError(f"cannot use {path} as state: {error.strerror or error}") from None
        self.sightings = self._read(content)
        # a line that was torn by a crash must not spoil the next
        self._lead = b"" if content.endswith(b"\n") else b"\n" if content else _line(_HEAD)
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="state", daemon=True)
        self._thread.start()

    def add(self, sighting: Sighting) -> None:
        """Keep it; on the disk as soon as the disk lets."""
        self._queue.put(_line(to_json(earlier_event(sighting, sighting.t))))

    def close(self) -> bool:
        """False when not all has reached the disk; failure then says why."""
        self._queue.put(None)
        self._thread.join(_CLOSE_S)
        if self._thread.is_alive():
            self.failure = self.failure or f"{self.path} takes no data"
        return not self.failure

    def _read(self, content: bytes) -> list[Sighting]:
        lines = content.splitlines()
        if lines and _parsed(lines[0]).get("kind") != _HEAD["kind"]:
            raise UsageError(f"{self.path} is not a state file of ktrace bad-page")
        found = []
        for line in lines[1:]:
            try:
                event = from_json(_parsed(line))
            except ValueError:
                self.damaged += bool(line.strip())
                continue
            if isinstance(event, EarlierBadPage):
                found.append(earlier_sighting(event))
        return found

    def _write(self) -> None:
        while (line := self._queue.get()) is not None:
            try:
                self._file.write(self._lead + line)
                os.fsync(self._file.fileno())
                self._lead = b""
            except OSError as error:
                self.failure = f"{self.path}: {error.strerror or error}"
        self._file.close()


def _line(record: dict[str, object]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _parsed(line: bytes) -> dict[str, object]:
    """{} for what is no JSON object."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}

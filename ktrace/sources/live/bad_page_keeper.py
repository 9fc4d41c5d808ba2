"""Keeps bad pages in the state file while tracing goes on."""

import queue
import threading
from collections.abc import Callable

from ktrace import bad_page_state
from ktrace.detectors.bad_page import KEPT, Sighting
from ktrace.errors import UsageError

_CLOSE_S = 5.0


class BadPageKeeper:
    """The state file is read at once, and written by a thread, so that a file system that hangs
    does not stop the tracing.

    Raises UsageError where the file cannot be read or written, or is not a state file.
    """

    def __init__(self, path: str) -> None:
        self.failure = ""  # why not all is in the file
        self.sightings = bad_page_state.load(path)
        self._path = path
        self._kept = [*self.sightings]
        self._queue: queue.SimpleQueue[Sighting | Callable[[], object] | None] = queue.SimpleQueue()
        try:
            bad_page_state.save(path, self._kept)
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror or error}") from None
        self._thread = threading.Thread(target=self._write, name="state", daemon=True)
        self._thread.start()

    def add(self, sighting: Sighting) -> None:
        """Keep it; on the disk as soon as the disk lets."""
        self._queue.put(sighting)

    def confine(self, call: Callable[[], object]) -> None:
        """To be called by the thread that writes."""
        self._queue.put(call)

    def close(self) -> bool:
        """False when not all has reached the disk; failure then says why."""
        self._queue.put(None)
        self._thread.join(_CLOSE_S)
        if self._thread.is_alive():
            self.failure = self.failure or f"{self._path} takes no data"
        return not self.failure

    def _write(self) -> None:
        while (sighting := self._queue.get()) is not None:
            if not isinstance(sighting, Sighting):
                sighting()
                continue
            self._kept = [*self._kept, sighting][-KEPT:]
            try:
                bad_page_state.save(self._path, self._kept)
                self.failure = ""
            except OSError as error:
                self.failure = f"{self._path}: {error.strerror or error}"

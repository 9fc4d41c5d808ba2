"""Waiting for events of a buffer and for other descriptors at once."""

import select
import time

_FAILED_S = 0.05  # a wait that failed waits so long
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


class WakeUp:
    """Of the descriptor that the buffer's events come to."""

    def __init__(self, events: int) -> None:
        self._events = events
        self._poll = select.poll()
        self._poll.register(events, select.POLLIN)

    def add(self, fd: int) -> None:
        """Wake up when something can be read from it, too. It may go away: it would be ready for
        ever."""
        self._poll.register(fd, select.POLLIN)

    def wait(self, timeout_s: float) -> None:
        """Until there is something in one of them, at most timeout_s, rounded up to milliseconds:
        whoever waits for the rest of one would otherwise ask all the time."""
        try:
            ready = self._poll.poll(max(0.0, timeout_s) * 1000)
        except OSError:  # no memory, say: the buffer is looked at all the same
            time.sleep(min(max(0.0, timeout_s), _FAILED_S))
            return
        for fd, what in ready:
            if fd != self._events and what & _GONE:
                self._poll.unregister(fd)

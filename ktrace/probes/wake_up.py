"""Waiting for events of a buffer and for keys at once."""

import select
import time

_FAILED_S = 0.05  # a wait that failed waits so long
_GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


class WakeUp:
    """Two descriptors: the one that the buffer's events come to, and another one."""

    def __init__(self, events: int, other: int) -> None:
        self._other = other
        self._poll = select.poll()
        self._poll.register(events, select.POLLIN)
        self._poll.register(other, select.POLLIN)

    def wait(self, timeout_s: float) -> None:
        """Until there is something in one of them, at most timeout_s. The other one may go away:
        it would be ready for ever."""
        try:
            ready = self._poll.poll(max(0.0, timeout_s) * 1000)
        except OSError:  # no memory, say: the buffer is looked at all the same
            time.sleep(min(max(0.0, timeout_s), _FAILED_S))
            return
        for fd, what in ready:
            if fd == self._other and what & _GONE:
                self._poll.unregister(fd)

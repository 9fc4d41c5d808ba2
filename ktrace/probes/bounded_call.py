"""System calls that may sleep, but let a signal interrupt them: how to get them back in time."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def interrupted_after(seconds: float) -> Iterator[None]:
    """In the block, a call that sleeps interruptibly ends by then (EINTR). Raises OSError, and
    ValueError outside of the main thread: only that one handles signals."""
    before = signal.signal(signal.SIGALRM, _nothing)
    try:
        mask = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
        try:
            # again and again: the first may come just before the call
            signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    finally:
        signal.signal(signal.SIGALRM, before)


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """The interruption is all that is wanted."""

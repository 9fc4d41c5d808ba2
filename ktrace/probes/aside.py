"""Calls that the kernel may hold up for long, made by a thread: who waits for them can do something
else meanwhile.

To read an iterator the kernel wants eight pages in one piece (bpf_seq_read(),
kernel/bpf/bpf_iter.c). Where memory is short it reclaims some first, also for a real-time task.
"""

import _thread
from collections.abc import Callable
from typing import Generic, TypeVar

from ktrace import real_time

_WAIT_S = 0.1
_STACK = 256 << 10  # it is locked

T = TypeVar("T")


class Aside(Generic[T]):
    """The thread is started by the first call, with the capabilities that are left by then."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        """meanwhile: called now and then while a call lasts."""
        self._meanwhile = meanwhile
        self._asked, self._done = _thread.allocate_lock(), _thread.allocate_lock()
        self._runs: bool | None = None  # None: not started yet
        self._caller = 0
        self._call: Callable[[], T] | None = None  # None: there will be no more
        self._returned: list[T] = []
        self._raised: BaseException | None = None

    def do(self, call: Callable[[], T]) -> T:
        """What call returns or raises. Where no thread can be had, in this one."""
        if self._runs is None:
            self._runs = self._start()
        if not self._runs:
            return call()
        self._call, self._raised = call, None
        self._asked.release()
        while not self._done.acquire(timeout=_WAIT_S):
            self._meanwhile()
        if self._raised is not None:
            raise self._raised
        return self._returned.pop()

    def close(self) -> None:
        """The thread ends; nothing can be done after it."""
        if self._runs:
            self._runs, self._call = False, None
            self._asked.release()

    def _start(self) -> bool:
        self._caller = _thread.get_native_id()
        self._asked.acquire()
        self._done.acquire()
        before = _thread.stack_size(_STACK)
        try:
            _thread.start_new_thread(self._work, ())
        except RuntimeError:  # no memory for it, or too many
            return False
        finally:
            _thread.stack_size(before)
        return True

    def _work(self) -> None:
        self._asked.acquire()
        while self._call is not None:
            real_time.be_as(self._caller)
            try:
                self._returned.append(self._call())
            except BaseException as error:  # to be raised where it is waited for
                self._raised = error
            self._done.release()
            self._asked.acquire()

"""ktrace.probes.aside: calls that a thread makes."""

import os
import threading
from pathlib import Path

import pytest

from ktrace.probes import aside
from ktrace.probes.aside import Aside
from tests.stuck_tasks import wait_until

pytestmark = pytest.mark.unit


def test_who_waits_for_a_long_call_does_something_else_meanwhile() -> None:
    held_up = threading.Event()
    calls = Aside[int](held_up.set)  # the call ends once that was done
    assert calls.do(lambda: held_up.wait(10) and threading.get_native_id()) != os.getpid()
    assert held_up.is_set()
    assert calls.do(lambda: 7) == 7
    calls.close()


def test_what_a_call_raises_is_raised_where_it_is_waited_for() -> None:
    calls = Aside[int](lambda: None)
    with pytest.raises(OSError, match="no memory"):
        calls.do(lambda: _fail(OSError("no memory")))
    assert calls.do(lambda: 7) == 7
    calls.close()


def test_without_a_thread_the_call_is_made_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside._thread, "start_new_thread", lambda *_: _fail(RuntimeError()))
    calls = Aside[int](lambda: None)
    assert calls.do(threading.get_native_id) == os.getpid()
    calls.close()


def test_the_thread_ends() -> None:
    calls = Aside[int](lambda: None)
    thread = Path(f"/proc/self/task/{calls.do(threading.get_native_id)}")
    assert thread.exists()
    calls.close()
    wait_until("the thread has ended", lambda: not thread.exists())


def _fail(error: Exception) -> int:
    raise error

"""The resident memory of killed tasks, on this machine's kernel."""

import mmap
import signal

import pytest

from tests.event_log import EventLog
from tests.stuck_tasks import frozen_file_system, wait_until

pytestmark = pytest.mark.kernel


def test_of_one_that_is_stuck(log: EventLog) -> None:
    with frozen_file_system() as frozen:
        writer, _ = frozen.queue()
        writer.send_signal(signal.SIGKILL)
        log.await_event("FATAL_SIGNAL", writer.pid)
        look = wait_until("a look", lambda: log.walk().get(writer.pid))
        with open(f"/proc/{writer.pid}/status") as status:
            said = next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
        assert look.mm_held == 1
        assert (
            abs(look.rss * (mmap.PAGESIZE // 1024) - said) < 2048
        )  # percpu counters leave out some pages

"""Since when a task sleeps that had fallen asleep before anybody looked."""

import subprocess
import time

import pytest

from tests.event_log import EventLog
from tests.stuck_tasks import state, wait_until

pytestmark = pytest.mark.kernel

NS = 10**9
SLEPT_S = 1.5


def test_the_books_of_the_scheduler_know_it(log: EventLog) -> None:
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    with subprocess.Popen(("cat",), stdin=subprocess.PIPE) as process:
        wait_until("cat sleeps", lambda: state(process.pid) == "S")
        asleep = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        wait_until(
            "it has slept for a while",
            lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME) - asleep > SLEPT_S * NS,
        )
        log.loader.follow({process.pid: 1})
        look = log.walk()[process.pid]
        if not look.off_cpu_t:
            pytest.skip("this kernel's task_struct has no sched_info")
        assert before <= look.off_cpu_t  # the sleep is not longer than it can be
        assert look.off_cpu_t - asleep < SLEPT_S / 2 * NS
        assert look.event.t - look.off_cpu_t > SLEPT_S / 2 * NS
        assert process.stdin
        process.stdin.close()

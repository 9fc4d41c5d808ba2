"""Reports of khungtaskd that name the owner: debug_show_blocker() of kernel/hung_task.c."""

import pytest

from ktrace.events import HungReport, Task
from tests.sources.log.samples import events_of, stamped

pytestmark = pytest.mark.unit

HUNG = """\
INFO: task cat:28631 blocked for more than 122 seconds.
      Not tainted 6.16.0-rc1 #3
"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.
task:cat             state:D stack:0     pid:28631 tgid:28631 ppid:28501  flags:0x00004000
Call Trace:
 <TASK>
 __schedule+0x7c7/0x1930
 rwsem_down_read_slowpath+0x2c0/0x700
 foo_read+0x12/0x40 [foo]
 </TASK>
"""
OWNED = """\
INFO: task cat:28631 <reader> blocked on an rw-semaphore likely owned by task cat:28630 <writer>
task:cat             state:S stack:0     pid:28630 tgid:28630 ppid:28501  flags:0x00004000
Call Trace:
 <TASK>
 __schedule+0x7c7/0x1930
 msleep_interruptible+0x40/0x60
 </TASK>
"""


def report(log: str) -> HungReport:
    (event,) = events_of(stamped(log))
    assert isinstance(event, HungReport)
    return event


def test_the_writer_of_an_rw_semaphore() -> None:
    event = report(HUNG + OWNED)
    assert (event.lock, event.owner) == ("rw-semaphore", Task(28630, 28630, "cat"))
    assert event.owner_stack == ("__schedule+0x7c7", "msleep_interruptible+0x40")


@pytest.mark.parametrize(
    "line",
    [
        "INFO: task cat:28631 is blocked on an rw-semaphore, but the owner is not found.\n",
        "INFO: task cat:28631 is blocked on a semaphore, but the last holder is not found.\n",
    ],
)
def test_an_owner_that_is_not_found(line: str) -> None:
    event = report(HUNG + line)
    assert event.lock.endswith("semaphore")
    assert event.owner is None


def test_another_task_s_owner() -> None:
    other = "INFO: task jbd2/vda1-8:99 is blocked on a mutex likely owned by task foo:77.\n"
    assert report(HUNG + OWNED + other).owner == Task(28630, 28630, "cat")
    assert report(HUNG + other).owner is None

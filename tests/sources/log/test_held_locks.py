"""Locks and back traces that khungtaskd prints beside its reports, and whom they name.

After debug_show_all_locks() and print_lock() of kernel/locking/lockdep.c, nmi_cpu_backtrace() of
lib/nmi_backtrace.c and check_hung_uninterruptible_tasks() of kernel/hung_task.c, v6.6; the old form
after those of v4.9.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ktrace.detectors.hung_tasks import HungTasks
from ktrace.events import HeldLocks, TaskDump
from ktrace.findings import HungTask
from tests.sources.log.samples import events_of, stamped

pytestmark = pytest.mark.unit


def hung(comm: str, pid: int, wait: str, function: str) -> str:
    return f"""\
INFO: task {comm}:{pid} blocked for more than 120 seconds.
      Not tainted 6.6.0-rc3 #5
"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.
task:{comm}     state:D stack:25336 pid:{pid}    ppid:2      flags:0x00004000
Call Trace:
 <TASK>
 __schedule+0xee1/0x59f0
 schedule+0xe7/0x1b0
 {wait}+0x967/0x1340
 {function}+0xf/0x60
 </TASK>
"""


WORKER = hung("kworker/0:1", 12, "__mutex_lock", "linkwatch_event")
LOCKS = """\

Showing all locks held in the system:
2 locks held by kworker/0:1/12:
 #0: ffff888012c70938 ((wq_completion)events){+.+.}-{0:0}, at: process_one_work+0x787/0x15c0
 #1: ffffffff8e4a2328 (rtnl_mutex){+.+.}-{3:3}, at: linkwatch_event+0xf/0x60
1 lock held by khungtaskd/29:
 #0: ffffffff8cba5f60 (rcu_read_lock){....}-{1:2}, at: debug_show_all_locks+0x75/0x340
2 locks held by a/b:c/5070:
 #0: ffffffff8e4a2328 (rtnl_mutex){+.+.}-{3:3}, at: tun_detach+0x1c/0x90
 #1: ffff88807a1f0e70 (&sb->s_type->i_mutex_key#10){+.+.}-{3:3}, at: tun_free+0x86/0x260

=============================================
"""
NMI = """\
NMI backtrace for cpu 0
CPU: 0 PID: 5070 Comm: a/b:c Not tainted 6.6.0-rc3 #5
RIP: 0010:synchronize_foo+0x5b/0x2390
Call Trace:
 <TASK>
 tun_detach+0x60/0x90
 </TASK>
NMI backtrace for cpu 2 skipped: idling at default_idle+0xf/0x20
"""


def told(log: str, lines: bool = False) -> list[HungTask]:
    detector = HungTasks()
    for event in events_of(stamped(log)):
        detector.feed(event)
    return detector.current()


def test_the_holder_is_named() -> None:
    (found,) = told(WORKER + LOCKS)
    (holder,) = found.blocked_by
    assert (holder.comm, holder.pid, holder.why) == ("a/b:c", 5070, "holds rtnl_mutex")
    assert holder.evidence == ("lockdep: taken at tun_detach+0x1c/0x90",)
    assert (holder.state, holder.function) == ("", None)


def test_what_runs_is_told_of_the_holder() -> None:
    (found,) = told(WORKER + LOCKS + NMI)
    (holder,) = found.blocked_by
    assert (holder.state, holder.function) == ("running", "synchronize_foo")


def test_neither_is_an_alarm() -> None:
    names = [type(event) for event in events_of(stamped(WORKER + LOCKS + NMI))][1:]
    assert names == [HeldLocks, TaskDump]


def test_a_last_lock_may_be_waited_for() -> None:
    locks = LOCKS.replace(" #1: ffff88807a1f0e70", " #x")
    (holder,) = told(WORKER + locks)[0].blocked_by
    assert holder.why == "holds or waits for rtnl_mutex"


def test_another_lock_of_the_same_class() -> None:
    locks = LOCKS.replace(" #0: ffffffff8e4a2328", " #0: ffffffff8e4a2000")
    assert told(WORKER + locks)[0].blocked_by == ()


def test_who_waits_for_no_lock_has_no_holder() -> None:
    assert told(WORKER.replace("__mutex_lock", "bit_wait_io") + LOCKS)[0].blocked_by == ()


def test_a_chain_and_a_deadlock() -> None:
    log = hung("a", 1, "__mutex_lock", "one") + hung("b", 2, "__mutex_lock", "two")
    locks = """\
Showing all locks held in the system:
2 locks held by a/1:
 #0: 00000000aaaaaaaa (A){+.+.}-{3:3}, at: one+0xf/0x60
 #1: 00000000bbbbbbbb (B){+.+.}-{3:3}, at: one+0xf/0x60
2 locks held by b/2:
 #0: 00000000bbbbbbbb (B){+.+.}-{3:3}, at: two+0xf/0x60
 #1: 00000000aaaaaaaa (A){+.+.}-{3:3}, at: two+0xf/0x60
"""
    first, second = told(log + locks)
    assert (first.blocked_by[0].pid, first.blocked_by[0].function) == (2, "two")
    assert first.blocked_by[0].blocked_by[0].cycle_to == 1
    assert second.blocked_by[0].blocked_by[0].cycle_to == 2


def test_old_kernels_print_the_locks_behind_each_report() -> None:
    """No address: the class is what is known."""
    one, two = (
        f"INFO: task {comm}:{pid} blocked for more than 120 seconds.\n"
        "      Not tainted 4.9.0-rc1 #3\n"
        f"{comm}           D    0  {pid}   1200 0x00000000\nCall Trace:\n"
        f" [<ffffffff81a0b1c5>] schedule+0x35/0x80\n [<ffffffff81a0d8c4>] {wait}+0x24/0x40\n"
        f" [<ffffffff8120a5b4>] {comm}_fs+0x34/0xa0\n"
        for comm, pid, wait in (("mount", 1300, "down_write"), ("umount", 1301, "sync_wait"))
    )
    s_umount = "(&type->s_umount_key#20){+.+.+.}, at: [<ffffffff8120a5b4>] grab_super+0x34/0xa0\n"
    log = (
        f"{one}1 lock held by mount/1300:\n #0:  {s_umount}"
        f"{two}2 locks held by umount/1301:\n #0:  {s_umount}"
        " #1:  (&bar){+.+.+.}, at: [<ffffffff8122d4f4>] foo+0x24/0x50\n"
    )
    first, _ = told(log)
    assert first.lines == (1, 7)
    (holder,) = first.blocked_by
    assert (holder.pid, holder.function) == (1301, "sync_wait")
    assert holder.why == "holds a lock of class &type->s_umount_key#20"


def test_the_locks_of_a_splat_are_its_own() -> None:
    """print_circular_bug(): no hung task is near."""
    splat = (
        "WARNING: possible circular locking dependency detected\n6.6.0 #5 Not tainted\n"
        "sh/388 is trying to acquire lock:\n2 locks held by sh/388:\n"
        " #0: 00000000aaaaaaaa (A){+.+.}-{3:3}, at: one+0xf/0x60\n"
        "CPU: 1 PID: 388 Comm: sh Not tainted 6.6.0 #5\nCall Trace:\n one+0xf/0x60\n"
    )
    assert len(events_of(stamped(splat))) == 1


@given(st.lists(st.text(alphabet="Showinglckedby #0123:(){}+,at /", max_size=60), max_size=20))
def test_any_lines(lines: list[str]) -> None:
    events_of(stamped("Showing all locks held in the system:\n" + "\n".join(lines)))

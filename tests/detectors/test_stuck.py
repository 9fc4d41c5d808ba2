"""The definition of "stuck after SIGKILL", event list by event list."""

from dataclasses import replace

import pytest

from ktrace.detectors.kills import Kills
from ktrace.detectors.stuck import StuckTasks
from ktrace.detectors.wait_chains import BLOCKERS_KEPT, Link
from ktrace.detectors.waits import wait_of
from ktrace.events import Event, Task
from ktrace.findings import Killed, Outcome, StuckTask
from ktrace.task_filter import TaskFilter
from tests.factories import (
    CACHE_STACK,
    FILLER_STACK,
    SLEEP,
    call,
    dead,
    kill,
    oom_kill,
    oom_victim,
    state,
    walk,
)

pytestmark = pytest.mark.unit


class Detector:
    """The ledger and what is derived from it."""

    def __init__(self, stuck_after: float = 1.0) -> None:
        self.kills = Kills()
        self.stuck = StuckTasks(stuck_after, self.kills)

    def feed(self, *events: Event) -> list[StuckTask]:
        found = []
        for event in events:
            self.kills.feed(event)
            found += self.stuck.feed(event)
        return found


def found(*events: Event, stuck_after: float = 1.0) -> list[StuckTask]:
    return Detector(stuck_after).feed(*events)


def test_killed_by_hand_then_stuck_then_dead() -> None:
    opened, resolved = found(kill(101), state(102.5), walk(102.501), dead(105.25))
    assert (opened.status, opened.pid, opened.tid, opened.comm) == ("open", 20, 20, "appd")
    assert opened.killed == Killed("signal", 9, 10, "sh", 101)
    assert opened.stuck_s == pytest.approx(1.501)
    assert opened.wait is not None
    assert opened.wait.function == "squashfs_cache_get"
    assert opened.wait.primitive == "wait_event"
    assert not opened.wait.sigkill_wakes
    assert opened.stack == CACHE_STACK
    assert (resolved.status, resolved.id) == ("resolved", opened.id)
    assert resolved.outcome == Outcome(9, 4.25, 4.25)
    assert resolved.stuck_s == 4.25


def test_nothing_before_stuck_after() -> None:
    assert found(kill(101), state(101.5), walk(101.501), dead(101.9)) == []


def test_threshold_is_the_users() -> None:
    events = [kill(101), state(102.5), walk(102.501)]
    assert len(found(*events, stuck_after=1.5)) == 1
    assert found(*events, stuck_after=1.6) == []


def test_by_the_oom_killer_with_oom_kill_process_hooked() -> None:
    (finding,) = found(
        oom_kill(101), kill(101.0001, si_code=128), oom_victim(101.0002), state(103), walk(103.001)
    )
    assert finding.killed == Killed("oom", 9, 10, "sh", 101.0001, "chosen")


def test_by_the_oom_killer_known_from_mark_victim_alone() -> None:
    (finding,) = found(kill(101, si_code=128), oom_victim(101.0002), state(103), walk(103.001))
    assert finding.killed == Killed("oom", 9, 10, "sh", 101)


def test_a_process_that_shares_the_victims_mm_is_killed_by_the_oom_killer_too() -> None:
    sharer = Task(30, 30, "vforked")
    events = [oom_kill(101), kill(101.1, si_code=128), oom_victim(101.2)]
    (finding,) = found(*events, kill(101.3, sharer, si_code=128), state(103, sharer), walk(103.001))
    assert finding.killed == Killed("oom", 9, 10, "sh", 101.3, "mm")


def test_another_mark_victim_does_not_make_an_old_kill_the_oom_killers() -> None:
    (finding,) = found(
        kill(101), oom_victim(101.1, by=Task(99, 99, "other")), state(103), walk(103.001)
    )
    assert finding.killed.by == "signal"


def test_stuck_before_ktrace_started() -> None:
    events = [state(100.1), walk(100.101), state(101.2), walk(101.201)]
    (finding,) = found(*events)
    assert finding.killed == Killed("signal", 9, None, None, None)
    assert finding.stuck_s == pytest.approx(1.101)  # at least: since ktrace looked


def test_stuck_before_start_as_an_oom_victim() -> None:
    (finding,) = found(
        state(100.1, oom_victim=True), walk(100.101), state(102, oom_victim=True), walk(102.001)
    )
    assert finding.killed == Killed("oom", 9, None, None, None)


def test_thread_killed_by_its_groups_exit() -> None:
    looks = {"killed": ("pending",), "group_exit_code": 0}
    (finding,) = found(state(100.1, **looks), walk(100.101), state(102, **looks), walk(102.001))
    assert finding.killed.by == "exit"


def test_threads_are_judged_not_processes() -> None:
    leader = state(103, state="zombie", state_flags="EXIT_ZOMBIE", stack=())
    thread = Task(20, 21, "worker")
    (finding,) = found(kill(101), leader, state(103, thread), walk(103.001))
    assert (finding.pid, finding.tid) == (20, 21)


def test_zombie_is_counted_but_not_stuck() -> None:
    detector = Detector()
    assert detector.feed(kill(101), state(103, state="zombie", stack=()), walk(103.001)) == []
    assert list(detector.stuck.zombies) == [20]


def test_killable_sleeper_that_is_not_killed_is_nobody() -> None:
    sleeper = state(103, state="killable", killed=(), group_exit_code=0)
    assert found(sleeper, walk(103.001), sleeper, walk(105)) == []


@pytest.mark.parametrize(
    ("name", "flags", "wakes"),
    [
        ("frozen", "TASK_FROZEN", False),
        ("stopped", "__TASK_STOPPED", True),
        ("exiting", "TASK_UNINTERRUPTIBLE", False),
        ("killable", "TASK_UNINTERRUPTIBLE|TASK_WAKEKILL", True),
    ],
)
def test_every_state_is_told_as_it_is(name: str, flags: str, wakes: bool) -> None:
    (finding,) = found(kill(101), state(103, state=name, state_flags=flags), walk(103.001))
    assert finding.state == name
    assert finding.wait is not None
    assert finding.wait.sigkill_wakes is wakes


def test_running_in_the_kernel_has_a_stack_and_no_wait() -> None:
    running = state(103, state="running", state_flags="TASK_RUNNING", stack=("shrink_slab+0x1",))
    (finding,) = found(kill(101), running, walk(103.001))
    assert finding.wait is None
    assert finding.stack == ("shrink_slab+0x1",)


def test_update_only_when_something_changed() -> None:
    elsewhere = (*SLEEP, "jbd2_log_wait_commit+0x5")
    _, update = found(
        kill(101),
        state(103),
        walk(103.001),
        state(104),
        walk(104.001),
        state(105, stack=elsewhere),
        walk(105.001),
    )
    assert update.status == "update"
    assert update.wait is not None
    assert update.wait.function == "jbd2_log_wait_commit"


def test_gone_without_a_seen_death() -> None:
    _, resolved = found(kill(101), state(103), walk(103.001), walk(104.001))
    assert resolved.outcome == Outcome(None, pytest.approx(3.001))


def test_gone_as_a_zombie_has_the_groups_exit_signal() -> None:
    _, resolved = found(
        kill(101), state(103), walk(103.001), state(104, state="zombie", stack=()), walk(104.001)
    )
    assert resolved.outcome == Outcome(9, 3.0)


def test_an_incomplete_walk_says_nothing_of_those_it_did_not_see() -> None:
    assert len(found(kill(101), state(103), walk(103.001), walk(104.001, complete=False))) == 1


def test_the_first_kill_counts_when_it_is_killed_again() -> None:
    (finding,) = found(
        kill(101),
        state(101.5),
        walk(101.501),
        kill(102, by=Task(11, 11, "bash")),
        state(102.2),
        walk(102.201),
    )
    assert finding.killed == Killed("signal", 9, 10, "sh", 101)


def test_a_reused_pid_is_another_task() -> None:
    late = state(103, start_t=102.0, killed=("group",))
    assert found(kill(101), late, walk(103.001)) == []


def test_dies_by_another_signal() -> None:
    _, resolved = found(kill(101), state(103), walk(103.001), dead(104, exit_code=0x87))
    assert resolved.outcome == Outcome(7, 3, 3)


def test_who_reads_the_block_blocks_it() -> None:
    filler = Task(30, 30, "filler")
    (finding,) = found(
        kill(101),
        state(103, squashfs=call(4096)),
        state(103, filler, killed=(), stack=FILLER_STACK, squashfs=call(4096)),
        walk(103.001),
    )
    (blocker,) = finding.blocked_by
    assert (blocker.tid, blocker.function) == (30, "submit_bio_wait")
    assert blocker.why == "reads the block that it waits for"


def test_who_holds_a_full_caches_entries_blocks_it() -> None:
    fillers = [Task(30 + i, 30 + i, "filler") for i in range(3)]
    (finding,) = found(
        kill(101),
        state(103, squashfs=call(4096)),
        *(
            state(103, t, killed=(), stack=FILLER_STACK, squashfs=call(9999 + t.tid))
            for t in fillers
        ),
        state(
            103,
            Task(40, 40, "other"),
            killed=(),
            stack=FILLER_STACK,
            squashfs=call(4096, cache="0xffff888000020000"),
        ),
        walk(103.001),
    )
    assert [blocker.tid for blocker in finding.blocked_by] == [30, 31, 32]
    assert all("full fragment cache" in blocker.why for blocker in finding.blocked_by)


def test_a_filler_that_began_before_ktrace_looked() -> None:
    filler = state(103, Task(30, 30, "filler"), killed=(), stack=FILLER_STACK, squashfs=None)
    (finding,) = found(kill(101), state(103, squashfs=call(4096)), filler, walk(103.001))
    assert [b.why for b in finding.blocked_by] == [
        "reads into a squashfs cache, not known which one"
    ]


def test_waiters_do_not_block_each_other() -> None:
    other = Task(30, 30, "reader")
    first, second = found(
        kill(101),
        kill(101, other),
        state(103, squashfs=call(1)),
        state(103, other, squashfs=call(1)),
        walk(103.001),
    )
    assert first.blocked_by == second.blocked_by == ()


def test_a_blocker_is_listed_once_and_as_the_walk_found_it() -> None:
    """It slept before it was killed; then it is killed too, and elsewhere."""
    filler = Task(30, 30, "filler")
    before = state(102, filler, killed=(), stack=FILLER_STACK, squashfs=call(4096))
    detector = Detector()
    detector.feed(kill(101), state(102, squashfs=call(4096)), before, walk(102.001))
    (update,) = detector.feed(
        kill(102.5, filler),
        state(103, squashfs=call(4096)),
        replace(before, t=103, killed=("group",), state="killable"),
        walk(103.001),
    )
    assert [(b.tid, b.state) for b in update.blocked_by] == [(30, "killable")]


def test_a_thread_does_not_block_itself() -> None:
    """It filled an entry, then it waits for another one."""
    filled = state(102, killed=(), stack=FILLER_STACK, squashfs=call(1))
    (finding,) = found(
        filled, walk(102.001), kill(102.5), state(104, squashfs=call(1)), walk(104.001)
    )
    assert finding.blocked_by == ()


def test_nobody_blocks_who_was_seen_before_the_walk_only() -> None:
    filler = state(102, Task(30, 30, "filler"), killed=(), stack=FILLER_STACK, squashfs=call(1))
    look = state(102, squashfs=call(1))
    _, update = found(
        kill(101), look, filler, walk(102.001), replace(look, t=103), walk(103.001, complete=False)
    )
    assert update.blocked_by == ()


def test_when_it_has_died_the_finding_tells_where_it_was_longest_in_one_look() -> None:
    running = state(102, state="running", state_flags="TASK_RUNNING", stack=("shrink_slab+0x1",))
    filler = state(103, Task(30, 30, "filler"), killed=(), stack=FILLER_STACK, squashfs=call(1))
    first, second, resolved = found(
        kill(101),
        *(running, walk(102.001)),
        *(state(103, squashfs=call(1)), filler, walk(103.001)),
        dead(111),
    )
    assert (first.state, second.state) == ("running", "uninterruptible")
    assert (resolved.state, resolved.stack) == ("uninterruptible", CACHE_STACK)
    assert resolved.wait is not None
    assert [blocker.tid for blocker in resolved.blocked_by] == [30]
    quick = state(110.5, state="running", state_flags="TASK_RUNNING", stack=("do_exit+0x1",))
    *_, resolved = found(kill(101), state(103), walk(103.001), quick, walk(110.501), dead(110.6))
    assert (resolved.state, resolved.stack) == ("uninterruptible", CACHE_STACK)


def test_an_open_one_can_be_told_as_it_was_longest() -> None:
    detector = Detector()
    quick = state(110.5, state="running", state_flags="TASK_RUNNING", stack=("f+0x1",))
    told = detector.feed(kill(101), state(103), walk(103.001), quick, walk(110.501))
    assert told[-1].state == "running"
    assert detector.stuck.at_longest(told[-1], 111).state == "uninterruptible"
    assert detector.stuck.at_longest(told[-1], 300).state == "running"


def test_an_oom_victim_with_threads_in_d_is_one_kill_until_they_are_dead() -> None:
    """As the report has it: the threads are stuck, and their kill is not over."""
    workers = [Task(20, 21 + i, "worker") for i in range(3)]
    detector = Detector()
    opened = detector.feed(
        replace(oom_kill(101), threads=4),
        *(kill(101.001, si_code=128), oom_victim(101.002), dead(101.0025)),
        *(state(103, worker) for worker in workers),
        walk(103.001),
    )
    (record,) = detector.kills.kills
    assert (len(opened), record.stuck, record.over) == (3, 3, False)
    detector.feed(*(dead(106, worker) for worker in workers))
    assert (record.stuck, record.over, record.after_s) == (0, True, 4.999)


def test_very_many_blockers_are_counted_not_listed() -> None:
    fillers = [Task(1000 + i, 1000 + i, "filler") for i in range(BLOCKERS_KEPT + 5)]
    looks = [state(103, f, killed=(), stack=FILLER_STACK, squashfs=call(f.tid)) for f in fillers]
    (finding,) = found(kill(101), state(103, squashfs=call(1)), *looks, walk(103.001))
    assert (len(finding.blocked_by), finding.blockers_left_out) == (BLOCKERS_KEPT, 5)


def test_a_walk_takes_time_in_proportion_to_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half wait in squashfs_cache_get(), half are in its way: each is looked at once."""
    looked = []
    monkeypatch.setattr(
        "ktrace.detectors.squashfs.wait_of", lambda look: looked.append(look) or wait_of(look)
    )
    links = []
    monkeypatch.setattr(
        "ktrace.detectors.wait_chains.Link", lambda *args: links.append(args) or Link(*args)
    )
    tasks = [Task(1000 + i, 1000 + i, "reader") for i in range(400)]
    found(
        *(kill(101, task) for task in tasks),
        *(
            state(103, task, stack=(CACHE_STACK, FILLER_STACK)[task.tid % 2], squashfs=call(1))
            for task in tasks
        ),
        walk(103.001),
    )
    assert len(looked) <= 3 * len(tasks)
    assert len(links) <= len(tasks)


def test_memory_stays_small() -> None:
    detector = Detector()
    for i in range(1000):
        task = Task(1000 + i, 1000 + i, "short")
        t = 101 + i
        events = [kill(t, task), state(t + 0.1, task), walk(t + 0.2), dead(t + 0.3, task)]
        assert detector.feed(*events, walk(t + 0.5)) == []
    assert list(detector.kills.open) == []
    assert not detector.stuck._followed
    assert len(detector.stuck._seen) < 5


def test_died_late_between_two_looks() -> None:
    """Who was killed in a look that took long, hung and died in it is nobody's finding."""
    kills = Kills()
    stuck = StuckTasks(1.0, kills)
    for event in (kill(100.0), dead(114.0), walk(115.0, took=14.2)):
        kills.feed(event)
        assert not list(stuck.feed(event))
    assert stuck.doubts(120.0) == [
        "1 process died up to 14.0 s after SIGKILL, and no look at the tasks saw where it was"
    ]


def test_died_in_time_though_a_look_took_long() -> None:
    kills = Kills()
    stuck = StuckTasks(1.0, kills)
    for event in (kill(100.0), dead(100.9), walk(115.0, took=14.2)):
        kills.feed(event)
        assert not list(stuck.feed(event))
    assert stuck.doubts(120.0) == []


@pytest.mark.parametrize(
    ("task_filter", "doubts"),
    [(TaskFilter(comm=("other",)), 0), (TaskFilter(comm=("app*",)), 1), (TaskFilter(pid=(7,)), 0)],
)
def test_who_is_not_asked_for_leaves_no_doubt(task_filter: TaskFilter, doubts: int) -> None:
    kills = Kills()
    stuck = StuckTasks(1.0, kills, task_filter)
    for event in (kill(100.0), dead(114.0), walk(115.0, took=14.2)):
        kills.feed(event)
        assert not list(stuck.feed(event))
    assert len(stuck.doubts(120.0)) == doubts


def test_who_was_looked_at_and_is_not_asked_for_leaves_no_doubt() -> None:
    kills = Kills()
    stuck = StuckTasks(1.0, kills, TaskFilter(cgroup=("/asked",)))
    for event in (kill(100.0), state(101.5, cgroup="/other"), walk(101.6, took=0.2), dead(103.0)):
        kills.feed(event)
        assert not list(stuck.feed(event))
    assert stuck.doubts(120.0) == []

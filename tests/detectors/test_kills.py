"""The ledger: who was killed by whom, why, step by step, and when it is over."""

from dataclasses import replace

import pytest

from ktrace.detectors.kills import (
    CHOSEN,
    EXITING,
    FOLLOWED,
    GROUP,
    KEPT,
    SHARES_MM,
    Kill,
    KillOver,
    Kills,
    OomKilled,
)
from ktrace.events import Event, Task
from tests.factories import (
    APP,
    SHELL,
    asked,
    dead,
    exited,
    kill,
    oom_kill,
    oom_victim,
    reap,
    state,
    walk,
)

pytestmark = pytest.mark.unit

WORKERS = [Task(20, 21 + i, "worker") for i in range(3)]
SHARER = Task(30, 30, "sharer")
CHOICE: list[Event] = [oom_kill(101), kill(101.1, si_code=128), oom_victim(101.2)]


def fed(*events: Event) -> Kills:
    kills = Kills()
    for event in events:
        kills.feed(event)
    return kills


def only(*events: Event) -> Kill:
    (found,) = fed(*events).kills
    return found


def names(record: Kill) -> list[str]:
    return [step.name for step in record.steps]


def test_from_choice_to_death() -> None:
    record = only(*CHOICE, reap(101.3, "wake"), reap(101.4, "finish"), dead(102))
    assert (record.by, record.sender, record.victim, record.why) == ("oom", SHELL, APP, CHOSEN)
    assert (record.t, record.t_known, record.reaper) == (101.1, True, "finish")
    assert (record.over, record.died_t, record.exit_signal) == (True, 102, 9)


def test_mark_victim_stands_in_for_oom_kill_process() -> None:
    record = only(kill(101, si_code=128), oom_victim(101.1), dead(102), walk(103))
    assert (record.victim, record.sender, record.choice) == (APP, SHELL, None)
    assert (record.by, record.why, record.died_t) == ("oom", "", 102)


def test_every_step_in_order() -> None:
    worker = WORKERS[0]
    record = only(
        asked(100.9, SHELL, "/app"),
        replace(oom_kill(101), order=0, gfp_mask="0xcc0", threads=2),
        kill(101.1, si_code=128),
        oom_victim(101.2),
        replace(reap(101.3, "wake"), rss_kib=5000),
        replace(reap(101.4, "start"), rss_kib=5000),
        replace(reap(101.5, "finish"), rss_kib=1000),
        exited(101.6, worker),
        exited(101.7),
        dead(101.8, worker),
        dead(101.9),
    )
    assert [(step.name, step.t) for step in record.steps] == [
        ("invoked", 100.9),
        ("chosen", 101),
        ("SIGKILL", 101.1),
        ("marked", 101.2),
        ("reaper woken", 101.3),
        ("reaper started", 101.4),
        ("reaper finished", 101.5),
        ("mm released", 101.7),
        ("dead", 101.8),
        ("dead", 101.9),
    ]
    assert record.freed_kib == 4000
    assert record.invocation is not None
    assert record.invocation.memcg == "/app"


def test_it_is_over_when_the_last_thread_is_dead() -> None:
    """The leader dies at once, three threads stay in D for 5 s."""
    begin = [replace(oom_kill(101), threads=4), *CHOICE[1:], exited(101.21), dead(101.22)]
    looks = [state(103, worker) for worker in WORKERS]
    kills = fed(*begin, *looks, walk(103.001))
    (record,) = kills.kills
    assert (record.over, record.died_t, record.released_t) == (False, None, None)
    assert "mm released" not in names(record)
    ends: list[Event] = [exited(106 + w.tid / 100, w) for w in WORKERS]
    ends += [dead(107 + w.tid / 100, w) for w in WORKERS]
    changes = [change for event in ends for change in kills.feed(event)]
    assert (record.over, record.died_t, record.released_t) == (True, 107.23, 106.23)
    assert names(record)[-5:] == ["dead", "mm released", "dead", "dead", "dead"]
    assert KillOver(record) in changes


def test_a_leader_that_stays_a_zombie_has_died_once() -> None:
    begin = [replace(oom_kill(101), threads=3), *CHOICE[1:], dead(101.3)]
    zombies: list[Event] = [state(102 + i, state="zombie") for i in range(3)]
    assert not only(*begin, *zombies, dead(106, WORKERS[0])).over


def test_threads_that_died_before_the_choice_are_not_among_those_to_die() -> None:
    early = [kill(100), dead(100.1, WORKERS[0])]
    late = [replace(oom_kill(101), threads=2), dead(102, WORKERS[1])]
    assert not only(*early, *late).over
    assert only(*early, *late, dead(103)).over


def test_a_threads_death_is_a_step_once() -> None:
    begin = replace(oom_kill(101), threads=2)
    record = only(begin, dead(102, WORKERS[0]), dead(102.1, WORKERS[0]))
    assert names(record) == ["chosen", "dead"]
    assert not record.over


def test_without_a_count_a_walk_says_that_there_is_no_more_thread() -> None:
    kills = fed(kill(101), dead(101.01))
    (record,) = kills.kills
    assert not record.over
    assert KillOver(record) in kills.feed(walk(102))
    assert record.died_t == 101.01


def test_an_incomplete_walk_ends_nothing() -> None:
    assert not only(kill(101), dead(101.01), walk(102, complete=False)).over


def test_a_second_sigkill_changes_neither_sender_nor_time() -> None:
    record = only(kill(101), kill(101.4, by=Task(11, 11, "bash")))  # before any look
    assert (record.sender, record.t) == (SHELL, 101)


def test_a_second_sigkill_of_one_that_was_killed_before_tracing_leaves_its_time_unknown() -> None:
    record = only(state(100.5), walk(100.501), kill(102), state(103), walk(103.001))
    assert (record.t_known, record.sender) == (False, None)


def test_who_was_faster_than_the_oom_killer_killed_it() -> None:
    other = Task(11, 11, "bash")
    record = only(oom_kill(101), kill(101.05, by=other), *CHOICE[1:])
    assert (record.by, record.sender, record.t) == ("signal", other, 101.05)
    assert record.oom


def test_a_process_that_shares_the_victims_mm_is_killed_by_the_oom_killer() -> None:
    kills = fed(*CHOICE, kill(101.3, SHARER, si_code=128))
    chosen, sharer = kills.kills
    assert (sharer.by, sharer.why, sharer.of) == ("oom", SHARES_MM, chosen)
    assert list(kills.oom) == [chosen]  # as the kernel counts: one OOM kill
    assert chosen.steps[-1].task == SHARER


def test_it_is_known_without_a_probe_on_oom_kill_process() -> None:
    sharer = fed(*CHOICE[1:], kill(101.3, SHARER, si_code=128)).kills[-1]
    assert (sharer.by, sharer.why) == ("oom", SHARES_MM)


def test_the_mm_is_released_by_its_last_user() -> None:
    kills = fed(*CHOICE, kill(101.3, SHARER, si_code=128), exited(101.4), dead(101.5))
    chosen, _ = kills.kills
    assert (chosen.over, chosen.released_t) == (True, None)
    for event in (exited(104, SHARER), dead(104.1, SHARER), walk(105)):
        kills.feed(event)
    assert chosen.released_t == 104
    assert names(chosen)[-1] == "mm released"


def test_an_exit_that_comes_before_exit_mm_releases_nothing() -> None:
    record = only(*CHOICE, replace(exited(101.3), mm_held=True))
    assert record.released_t is None
    record = only(*CHOICE, replace(exited(101.3), mm_held=True), dead(103))
    assert record.released_t == 103  # at the latest


def test_the_callers_later_signals_are_its_own() -> None:
    later = fed(*CHOICE, kill(103, SHARER, si_code=128)).kills[-1]
    assert (later.by, later.why) == ("signal", "")
    by_hand = fed(*CHOICE, kill(101.3, SHARER, si_code=0)).kills[-1]
    assert by_hand.by == "signal"


def test_an_init_that_dies_kills_its_namespace_not_the_oom_killer() -> None:
    """zap_pid_ns_processes() of kernel/pid_namespace.c: SEND_SIG_PRIV, too."""
    suicide = [oom_kill(101, by=APP), kill(101.1, by=APP, si_code=128), oom_victim(101.2, by=APP)]
    other = fed(*suicide, exited(101.3), kill(101.4, SHARER, by=APP, si_code=128)).kills[-1]
    assert other.by == "signal"


def test_a_member_of_the_oom_group() -> None:
    member = [kill(101.3, SHARER, si_code=128), oom_victim(101.4, tid=30)]
    kills = fed(*CHOICE, *member)
    chosen, other = kills.kills
    assert (other.by, other.why, other.of) == ("oom", GROUP, chosen)
    assert list(kills.oom) == [chosen, other]
    assert chosen.sharers == 0
    assert names(chosen) == ["chosen", "SIGKILL", "marked"]


def test_a_dying_thread_that_is_marked_itself_is_no_other_kill() -> None:
    """task_will_free_mem(current) in out_of_memory()."""
    thread = Task(300, 301, "worker")
    kills = fed(
        kill(100.5, Task(300, 300, "app")), asked(101, thread), oom_victim(101.1, 301, thread)
    )
    (record,) = kills.kills
    assert (record.victim.pid, record.by, record.why) == (300, "signal", EXITING)
    assert not kills.oom


def test_a_dying_thread_of_a_kill_that_nobody_saw() -> None:
    thread = Task(300, 301, "worker")
    record = only(oom_victim(101.1, 301, thread))
    assert (record.victim, record.t_known, record.oom) == (thread, False, False)


def test_a_dying_victim_is_marked_and_not_killed() -> None:
    record = only(kill(100.5), oom_kill(101, by=WORKERS[0]), oom_victim(101.1, by=WORKERS[0]))
    assert (record.by, record.sender, record.why) == ("signal", SHELL, EXITING)
    record = only(oom_kill(101), oom_victim(101.1))
    assert (record.why, record.t_known) == (EXITING, False)


def test_the_victim_s_leader_was_dead_already() -> None:
    """find_lock_task_mm(): another thread of it is sent SIGKILL and marked."""
    thread = WORKERS[0]
    events = [oom_kill(101), kill(101.1, thread, si_code=128), oom_victim(101.2, thread.tid)]
    record = only(*events, reap(103, "wake", thread.tid))
    assert (record.victim, names(record)[1:]) == (APP, ["SIGKILL", "marked", "reaper woken"])


def test_a_mark_that_says_the_process() -> None:
    kills = fed(kill(100.5), replace(oom_victim(101, tid=21), pid=20))
    assert len(kills.kills) == 1


def test_a_mark_of_which_only_the_thread_is_known() -> None:
    """The signal was lost; before v6.10 the tracepoint has no more than the tid."""
    kills = fed(oom_victim(101, tid=21), state(102, WORKERS[0], oom_victim=True))
    (record,) = kills.kills
    assert record.victim == WORKERS[0]


def test_a_call_of_a_minute_before_is_another_one() -> None:
    record = only(replace(asked(41), gfp_mask=oom_kill(0).gfp_mask), *CHOICE)
    assert record.invocation is None
    assert names(record)[0] == "chosen"


def test_the_time_of_the_call_is_known_though_not_each_call_is_sent() -> None:
    """In a livelock: the same invoker's call of half a second before, for the same memory."""
    earlier = replace(asked(100.4), gfp_mask=oom_kill(0).gfp_mask)
    record = only(earlier, replace(CHOICE[0], invoked_t=100.999), *CHOICE[1:])
    assert record.invocation is None
    assert (record.steps[0].name, record.steps[0].t) == ("invoked", 100.999)
    own = replace(earlier, t=100.9991)
    record = only(earlier, own, replace(CHOICE[0], invoked_t=100.999), *CHOICE[1:])
    assert record.invocation == own


def test_a_call_for_other_memory_is_another_one() -> None:
    assert only(replace(asked(100.9), order=3), *CHOICE).invocation is None


def test_the_same_pid_killed_again_is_another_kill() -> None:
    kills = fed(*CHOICE, dead(102), oom_kill(103), kill(103.1, si_code=128), oom_victim(103.2))
    assert (kills.total, kills.oom_total) == (2, 2)
    assert [record.died_t for record in kills.kills] == [102, None]


def test_a_reused_pid_does_not_touch_the_old_kill() -> None:
    kills = fed(*CHOICE, dead(102), state(104, start_t=103.0), exited(105), dead(105.1))
    assert names(kills.kills[0]) == ["chosen", "SIGKILL", "marked", "mm released", "dead"]
    assert kills.kills[0].exit_signal == 9


def test_a_pid_reused_before_anybody_saw_the_death() -> None:
    kills = fed(kill(101), state(101.5), kill(103), state(104, start_t=102.0))
    old, new = kills.kills
    assert (old.over, old.died_t) == (True, None)
    assert (new.t, new.over) == (103, False)


def test_old_kills_leave_the_count_stays() -> None:
    kills = fed(*(oom_kill(100 + i, Task(1000 + i, 1000 + i, "x")) for i in range(KEPT + 5)))
    assert (kills.oom_total, len(kills.oom)) == (KEPT + 5, KEPT)


def test_memory_is_bounded_and_what_falls_out_is_counted() -> None:
    kills = fed(*(kill(101, Task(pid, pid, "x")) for pid in range(1000, 1000 + FOLLOWED + 7)))
    assert (len(list(kills.open)), kills.not_followed) == (FOLLOWED, 7)
    for i in range(3 * FOLLOWED):
        task = Task(10000 + i, 10001 + i, "x")
        for event in (kill(200 + i, task), dead(200.1 + i, task), walk(200.5 + i)):
            kills.feed(event)
    assert len(list(kills.open)) < FOLLOWED
    book = kills._book
    assert max(map(len, (book.ended, book._by_tid, book.kills, kills._oom._calls))) <= FOLLOWED


def test_threads_beyond_the_bound_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ktrace.detectors.kills.kill.THREADS_KEPT", 2)
    looks = [state(102, worker) for worker in WORKERS]
    kills = fed(kill(101), *looks, walk(102.001), *(dead(103, w) for w in WORKERS[:2]))
    kills.feed(state(104, WORKERS[2]))
    (record,) = kills.kills
    assert (record.threads_left_out, kills.threads_left_out) == (1, 1)
    assert not record.over


def test_a_thousand_threads_do_not_hide_the_end() -> None:
    threads = [dead(101 + i / 1000, Task(20, 1000 + i, "t")) for i in range(1000)]
    record = only(replace(oom_kill(101), threads=1001), *threads, dead(103))
    assert len(record.steps) < 60
    assert record.steps[-1].name == "dead"
    assert record.steps[-1].t == 103
    assert record.steps_left_out + len(record.steps) == 1 + 1001 + 1


def test_views_are_told_of_an_oom_kill_when_it_is_known_as_one() -> None:
    kills = Kills()
    assert kills.feed(kill(101, si_code=128)) == []
    assert kills.feed(oom_victim(101.1)) == [OomKilled(kills.kills[0])]
    kills = Kills()
    assert kills.feed(oom_kill(101)) == [OomKilled(kills.kills[0])]


def test_kills_that_are_over_are_forgotten() -> None:
    """Thousands were kept for the sake of their threads' ids: 20 MB of locked memory."""
    kills = Kills()
    for pid in range(1000, 3000):
        task, t = Task(pid, pid, "job"), float(pid)
        for event in (oom_kill(t, task), kill(t, task), oom_victim(t, pid), dead(t + 0.1, task)):
            kills.feed(event)
    assert kills.oom_total == 2000
    assert len(kills._book._by_tid) <= 200

"""Dying threads: slow is not stuck."""

from dataclasses import replace

import pytest

from ktrace.detectors.kills import Kills
from ktrace.detectors.stuck import StuckTasks
from ktrace.events import Event, ExitLeft, TaskState
from ktrace.findings import ExitProgress, StuckTask
from ktrace.views import words
from ktrace.views.oom_hang import line
from tests.factories import dead, kill, state, walk

pytestmark = pytest.mark.unit

UNMAPS = ("zap_pte_range+0x1", "exit_mmap+0x2", "__mmput+0x3", "do_exit+0x4", "do_group_exit+0x5")
CLOSES = ("fuse_flush+0x1", "filp_close+0x2", "put_files_struct+0x3", "do_exit+0x4")


def dying(t: float, rss_kib: int | None, stack: tuple[str, ...] = UNMAPS) -> TaskState:
    changes = {"rss_kib": rss_kib, "mm_held": False, "switches": int(t)}
    return state(t, state="exiting", stack=stack, **changes)


SLOWLY = (
    dying(101.5, 400_000),
    walk(101.6, took=0.2),
    dying(102.5, 300_000),
    walk(102.6, took=0.2),
)


def judged(*events: Event) -> tuple[StuckTasks, list[StuckTask]]:
    kills = Kills()
    stuck = StuckTasks(1.0, kills)
    findings = []
    for event in events:
        kills.feed(event)
        findings += stuck.feed(event)
    return stuck, findings


def test_memory_that_shrinks_is_progress() -> None:
    stuck, (finding,) = judged(
        kill(100.0),
        dying(101.5, 400_000),
        walk(101.6, took=0.2),
        dying(102.5, 300_000),
        walk(102.6, took=0.2),
    )
    assert finding.dying == ExitProgress("exit_mm", 300_000, 100_000.0)
    assert finding.slow
    assert (stuck.total, stuck.slow_total) == (0, 1)
    assert line(finding).startswith("SLOW: appd[20] exiting in zap_pte_range")
    assert words.meaning(finding).startswith(
        "It is not stuck, it dies slowly in exit_mm(): 293 MiB are left and shrink by 98 MiB/s, "
        "which takes 3.0s more at that rate."
    )


def test_progress_is_told_once_a_second() -> None:
    """At the end of a run, looks come every 20 ms."""
    quick = [
        event
        for n in range(1, 6)
        for event in (dying(102.6 + n / 50, 300_000 - n), walk(102.61 + n / 50, took=0.01))
    ]
    later = (dying(103.7, 100_000), walk(103.8, took=0.1))
    _, findings = judged(kill(100.0), *SLOWLY, *quick, *later)
    assert [(one.status, one.t) for one in findings] == [("open", 102.6), ("update", 103.8)]


def test_memory_that_does_not_shrink_is_none() -> None:
    stuck, (finding,) = judged(
        kill(100.0),
        dying(101.5, 400_000),
        walk(101.6, took=0.2),
        dying(102.5, 400_000),
        walk(102.6, took=0.2),
    )
    assert not finding.slow
    assert (stuck.total, stuck.slow_total) == (1, 0)
    assert "exit_mm() and frees no memory, 391 MiB resident" in words.meaning(finding)


def without_cpu(t: float, rss_kib: int, switches: int) -> TaskState:
    return replace(dying(t, rss_kib), switches=switches, state_flags="TASK_RUNNING")


def test_who_had_no_cpu_between_the_looks_may_get_on() -> None:
    """It is slow when it has got on, stuck after ten seconds; until then nothing is known."""
    looks = [(101.5, 400_000, 5), (102.5, 400_000, 5)]
    starved = [
        event for look in looks for event in (without_cpu(*look), walk(look[0] + 0.1, took=0.2))
    ]
    stuck, findings = judged(kill(100.0), *starved)
    assert findings == []
    assert stuck.doubts(102.7) == [
        "the run ended before it was known whether 1 thread is stuck or dies slowly"
    ]
    got_on = (without_cpu(103.5, 390_000, 6), walk(103.6, took=0.2))
    stuck, (finding,) = judged(kill(100.0), *starved, *got_on)
    assert finding.slow
    assert (stuck.total, stuck.doubts(103.7)) == (0, [])
    late = (without_cpu(112.0, 400_000, 5), walk(112.1, took=0.2))
    stuck, (finding,) = judged(kill(100.0), *starved, *late)
    assert not finding.slow
    assert stuck.total == 1


def test_one_look_tells_nothing() -> None:
    _, findings = judged(kill(100.0), dying(101.5, 400_000), walk(101.6, took=0.2))
    assert findings == []


def test_beyond_exit_mm_nothing_is_measured() -> None:
    looks = [dying(101.5, None, CLOSES), walk(101.6, took=0.2)]
    _, (finding,) = judged(kill(100.0), *looks)
    assert finding.dying == ExitProgress("exit_files", None, None)
    assert "whether it makes progress is not measured" in words.meaning(finding)


def letting_go(t: float, *left: ExitLeft) -> TaskState:
    return replace(dying(t, None, CLOSES), exit_left=left)


@pytest.mark.parametrize(
    ("what", "file", "said"),
    [
        ("descriptors", "", "3000 descriptors are left"),
        ("pages", "inode 9 of tmpfs", "3000 pages of inode 9 of tmpfs are left"),
    ],
)
def test_what_else_is_let_go_of_is_progress(what: str, file: str, said: str) -> None:
    looks = [letting_go(100.0 + t, ExitLeft(what, 6000 - 1500 * t, file)) for t in (1, 2)]
    stuck, (finding,) = judged(
        kill(99.0), looks[0], walk(101.1, took=0.2), looks[1], walk(102.1, took=0.2)
    )
    assert finding.dying == ExitProgress("exit_files", None, None, what, 3000, 1500.0, file)
    assert (stuck.total, stuck.slow_total) == (0, 1)
    assert words.meaning(finding).startswith(
        f"It is not stuck, it dies slowly in exit_files(): {said}"
    )
    assert "are left and shrink by 1500/s, which takes 2.0s more" in words.meaning(finding)


def test_one_file_of_many_may_take_long() -> None:
    """Of two things that are left, one that shrinks is enough."""
    files, file = ExitLeft("files", 7), "inode 9 of tmpfs"
    looks = [letting_go(100.0 + t, files, ExitLeft("pages", 900 - 100 * t, file)) for t in (1, 2)]
    _, (finding,) = judged(
        kill(99.0), looks[0], walk(101.1, took=0.2), looks[1], walk(102.1, took=0.2)
    )
    assert finding.dying == ExitProgress("exit_files", None, None, "pages", 700, 100.0, file)


def test_what_does_not_get_less_is_none() -> None:
    looks = [letting_go(100.0 + t, ExitLeft("descriptors", 7)) for t in (1, 2)]
    stuck, (finding,) = judged(
        kill(99.0), looks[0], walk(101.1, took=0.2), looks[1], walk(102.1, took=0.2)
    )
    assert (stuck.total, stuck.slow_total) == (1, 0)
    assert "exit_files() and lets go of nothing, 7 descriptors left" in words.meaning(finding)


def test_what_is_being_unmapped_tells_the_phase_where_no_stack_does() -> None:
    looks = [dying(101.5, 400_000, ()), walk(101.6, took=0.2), dying(102.5, 300_000, ())]
    _, (finding,) = judged(kill(100.0), *looks, walk(102.6, took=0.2))
    assert finding.dying == ExitProgress("exit_mm", 300_000, 100_000.0)


def test_between_two_looks_it_may_have_had_no_cpu() -> None:
    stuck, findings = judged(
        kill(100.0),
        *SLOWLY,
        *(dying(103.5, 300_000), walk(103.6, took=0.2)),
    )
    assert [finding.dying and finding.dying.kib_per_s for finding in findings] == [100_000, 50_000]
    assert (stuck.total, stuck.slow_total) == (0, 1)


def test_what_was_slow_may_get_stuck() -> None:
    stuck, findings = judged(
        kill(100.0),
        *SLOWLY,
        *(dying(112.7, 300_000), walk(112.8, took=0.2)),
        *(dying(113.7, 300_000), walk(113.8, took=0.2)),
    )
    assert [finding.slow for finding in findings] == [True, False]
    assert (stuck.total, stuck.slow_total) == (1, 1)
    assert findings[1].status == "update"


def test_when_its_memory_was_free() -> None:
    stuck, findings = judged(
        kill(100.0),
        *SLOWLY,
        dead(104.0),
        walk(105.0),
    )
    outcome = findings[-1].outcome
    assert outcome
    assert (outcome.after_s, outcome.memory_freed_after_s) == (4.0, 4.0)
    assert stuck.longest_s == 0.0  # of those that were stuck

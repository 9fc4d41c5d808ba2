"""Reading a task's state from the guest's /proc."""

import pytest

from ktrace.lab.guest import task

pytestmark = pytest.mark.unit

STUCK = """\
Name:\treader
State:\tD (disk sleep)
SigPnd:\t0000000000000000
ShdPnd:\t0000000000000100
SigBlk:\t0000000000000200
[<0>] squashfs_cache_get+0x323/0x3c0 [squashfs]
[<0>] squashfs_readahead+0x3ad/0x9b0 [squashfs]
[<0>] read_pages+0x85/0x280
"""


def test_a_stuck_task() -> None:
    facts = task.parse(STUCK)
    assert facts.state == "D"
    assert facts.sigkill_pending
    assert [name for name, _ in facts.stack] == [
        "squashfs_cache_get",
        "squashfs_readahead",
        "read_pages",
    ]
    assert facts.place_in("squashfs_cache_get") == "+0x323"
    assert facts.place_in("submit_bio_wait") is None


def test_other_signals_do_not_count() -> None:
    facts = task.parse(STUCK.replace("0100", "0200"))
    assert not facts.sigkill_pending


def test_a_signal_for_the_thread_alone_counts() -> None:
    facts = task.parse("State:\tS (sleeping)\nSigPnd:\t0000000000000100\nShdPnd:\t0\n")
    assert facts == task.TaskFacts("S", True, ())


def test_a_task_that_is_gone() -> None:
    assert task.parse("cat: can't open '/proc/1/status'") == task.TaskFacts("?", False, ())

"""Function and primitive of a wait, on stacks that real kernels gave."""

from dataclasses import replace

import pytest

from ktrace.detectors.waits import wait_of
from tests.factories import CACHE_STACK, FILLER_STACK, SLEEP, state

pytestmark = pytest.mark.unit


def test_a_sampled_sleep_of_which_no_frame_was_seen_is_not_guessed() -> None:
    """/proc/TID/stack leaves __sched functions out: then it may be a mutex as well."""
    beneath = ("fdget_pos+0x82", "ksys_write+0x28")
    sampled = state(1.0, stack=beneath, source="sampled")
    wait = wait_of(sampled)
    assert wait is not None
    assert (wait.function, wait.primitive) == ("fdget_pos", "unknown")
    seen = wait_of(replace(sampled, top=SLEEP))
    assert seen is not None
    assert seen.primitive == "wait_event"


@pytest.mark.parametrize(
    ("stack", "function", "primitive"),
    [
        (CACHE_STACK, "squashfs_cache_get", "wait_event"),
        (FILLER_STACK, "submit_bio_wait", "wait_for_completion"),
        # 6.18, a frozen ext4: the stack begins beneath the scheduler
        (("percpu_rwsem_wait+0x15f", "mnt_want_write+0x96"), "mnt_want_write", "percpu_down_read"),
        (
            (
                *SLEEP,
                "schedule_preempt_disabled+0x1",
                "__mutex_lock.constprop.0+0x5",
                "ext4_sync+0x1",
            ),
            "ext4_sync",
            "mutex_lock",
        ),
        (
            (*SLEEP, "io_schedule+0x1", "folio_wait_bit_common+0x1", "filemap_fault+0x9"),
            "filemap_fault",
            "folio_wait_bit",
        ),
        (
            (*SLEEP, "rwsem_down_read_slowpath+0x1", "down_read+0x1", "do_user_addr_fault+0x1"),
            "do_user_addr_fault",
            "down_read",
        ),
        ((*SLEEP, "schedule_timeout+0x1", "kcompactd+0x1"), "kcompactd", "wait_event_timeout"),
        (SLEEP, "schedule", "wait_event"),
    ],
)
def test_function_and_primitive(stack: tuple[str, ...], function: str, primitive: str) -> None:
    wait = wait_of(state(1, stack=stack))
    assert wait is not None
    assert (wait.function, wait.primitive) == (function, primitive)


@pytest.mark.parametrize(
    ("name", "flags", "primitive"),
    [
        ("killable", "TASK_UNINTERRUPTIBLE|TASK_WAKEKILL", "wait_event_killable"),
        ("interruptible", "TASK_INTERRUPTIBLE", "wait_event_interruptible"),
        ("idle", "TASK_UNINTERRUPTIBLE|TASK_NOLOAD", "wait_event_idle"),
        ("freezable", "TASK_INTERRUPTIBLE|TASK_FREEZABLE", "wait_event_freezable"),
        (
            "killable",
            "TASK_UNINTERRUPTIBLE|TASK_WAKEKILL|TASK_FREEZABLE",
            "wait_event_killable_freezable",
        ),
    ],
)
def test_the_state_names_the_member_of_the_family(name: str, flags: str, primitive: str) -> None:
    wait = wait_of(state(1, state=name, state_flags=flags))
    assert wait is not None
    assert wait.primitive == primitive


def test_a_mutex_is_killable_too() -> None:
    stack = (*SLEEP, "__mutex_lock+0x5", "iterate_dir+0x1")
    flags = "TASK_UNINTERRUPTIBLE|TASK_WAKEKILL"
    wait = wait_of(state(1, state="killable", state_flags=flags, stack=stack))
    assert wait is not None
    assert wait.primitive == "mutex_lock_killable"


@pytest.mark.parametrize("name", ["running", "zombie"])
def test_who_does_not_sleep_waits_for_nothing(name: str) -> None:
    assert wait_of(state(1, state=name)) is None


def test_the_one_function_of_wchan_does_not_tell_the_primitive() -> None:
    """It is submit_bio_wait of one that sleeps in wait_for_completion_io()."""
    wait = wait_of(state(1.0, stack=("submit_bio_wait",)))
    assert wait is not None
    assert (wait.function, wait.primitive) == ("submit_bio_wait", "unknown")


def test_no_stack_no_wait() -> None:
    assert wait_of(state(1, stack=())) is None


def test_frames_that_the_kernel_leaves_out_name_the_primitive() -> None:
    """6.18, two writers of one open file: the second waits in fdget_pos()."""
    top = (
        "__schedule+0x3cc",
        "schedule+0x23",
        "schedule_preempt_disabled+0x11",
        "__mutex_lock.constprop.0+0x511",
    )
    wait = wait_of(state(1, top=top, stack=("fdget_pos+0x82", "ksys_write+0x28")))
    assert wait is not None
    assert (wait.function, wait.primitive) == ("fdget_pos", "mutex_lock")


def test_one_that_is_dying_and_runs_does_not_wait() -> None:
    wait = wait_of(
        state(1.0, state="exiting", state_flags="TASK_RUNNING", stack=("exit_mmap+0x1",))
    )
    assert wait
    assert (wait.function, wait.primitive) == ("exit_mmap", "running")

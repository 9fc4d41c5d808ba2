"""ktrace.kernel.task_state: what the bits of a task's state mean on which kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrace.kernel.task_state import (
    BEFORE_4_14,
    MEANING,
    PF_EXITING,
    PF_FROZEN,
    SIGKILL_WAKES,
    SINCE_4_14,
    TaskStates,
)

pytestmark = pytest.mark.unit

GOLDEN = Path(__file__).parent.parent / "golden"


def golden(release: str) -> str:
    return (GOLDEN / f"sched_switch-{release}.format").read_text()


NEW = TaskStates.from_format(golden("6.18"), has_frozen_function=True)
OLD = TaskStates.from_format(golden("4.9"), has_frozen_function=False)


def test_layout_follows_the_format() -> None:
    assert NEW.bits is SINCE_4_14
    assert OLD.bits is BEFORE_4_14
    assert TaskStates.from_format(golden("5.10"), False).bits is SINCE_4_14
    for states in (NEW, OLD):
        assert "sched_switch" in states.origin


def test_without_tracefs_the_layout_is_assumed_and_said_so() -> None:
    states = TaskStates.from_format(None, has_frozen_function=True)
    assert states.bits is SINCE_4_14
    assert "assumed" in states.origin


@pytest.mark.parametrize("text", ["", "print fmt: nothing", "{ 0x80, }"])
def test_unreadable_format_is_taken_for_a_new_kernel(text: str) -> None:
    assert TaskStates.from_format(text, True).bits is SINCE_4_14


@pytest.mark.parametrize("bits", [SINCE_4_14, BEFORE_4_14])
def test_each_bit_is_one_bit_of_its_own(bits: dict[str, int]) -> None:
    assert all(bit.bit_count() == 1 for bit in bits.values())
    assert len(set(bits.values())) == len(bits)


@pytest.mark.parametrize(
    ("state", "name"),
    [
        (0x0, "running"),
        (0x1, "interruptible"),
        (0x2, "uninterruptible"),
        (0x4, "stopped"),
        (0x8, "traced"),
        (0x40, "parked"),
        (0x80, "zombie"),
        (0x102, "killable"),
        (0x104, "stopped"),  # TASK_STOPPED is TASK_WAKEKILL|__TASK_STOPPED until v5.19
        (0x108, "traced"),
        (0x200, "running"),  # TASK_WAKING
        (0x402, "idle"),
        (0x800, "running"),  # TASK_NEW
        (0x1000, "uninterruptible"),  # TASK_RTLOCK_WAIT
        (0x2001, "freezable"),
        (0x2002, "uninterruptible"),  # a write to a frozen file system, seen on 6.18
        (0x2102, "killable"),  # wait_for_vfork_done(), seen on 6.18
        (0x2402, "idle"),
        (0x6001, "freezable"),
        (0x8000, "frozen"),
        (0x10000, "unknown"),
        (0x100, "unknown"),
    ],
)
def test_names_since_4_14(state: int, name: str) -> None:
    assert NEW.name(state) == name


@pytest.mark.parametrize(
    ("state", "name"),
    [
        (0x0, "running"),
        (0x1, "interruptible"),
        (0x2, "uninterruptible"),
        (0x82, "killable"),
        (0x84, "stopped"),
        (0x88, "traced"),
        (0x40, "zombie"),  # TASK_DEAD
        (0x100, "running"),  # TASK_WAKING
        (0x102, "uninterruptible"),  # not TASK_WAKEKILL here
        (0x200, "parked"),
        (0x402, "idle"),
        (0x800, "running"),
        (0x2000, "unknown"),
    ],
)
def test_names_before_4_14(state: int, name: str) -> None:
    assert OLD.name(state) == name


@pytest.mark.parametrize("states", [NEW, OLD])
def test_dead_is_dead_whatever_else_is_set(states: TaskStates) -> None:
    for exit_state in (0x10, 0x20, 0x30):
        assert states.name(0x2, exit_state, PF_EXITING) == "zombie"
        assert states.name(0, exit_state) == "zombie"


def test_exiting_outranks_the_sleep_in_it() -> None:
    for state in (0x0, 0x1, 0x2, 0x102):
        assert NEW.name(state, 0, PF_EXITING) == "exiting"


def test_frozen_is_a_flag_before_6_1() -> None:
    assert OLD.frozen_is_flag
    assert OLD.name(0x2, 0, PF_FROZEN) == "frozen"
    assert OLD.name(0x0, 0, PF_FROZEN) == "running"
    assert not NEW.frozen_is_flag
    assert NEW.name(0x2, 0, PF_FROZEN) == "uninterruptible"


def test_every_state_that_is_named_has_a_meaning() -> None:
    assert SIGKILL_WAKES.keys() == MEANING.keys()
    names = {NEW.name(state, 0, flags) for state in range(1 << 16) for flags in (0, PF_EXITING)}
    assert names <= SIGKILL_WAKES.keys()
    assert not SIGKILL_WAKES["uninterruptible"]
    assert SIGKILL_WAKES["killable"]
    assert SIGKILL_WAKES["running"] is None


@pytest.mark.parametrize(
    ("states", "state", "flags"),
    [
        (NEW, 0x0, "TASK_RUNNING"),
        (NEW, 0x102, "TASK_UNINTERRUPTIBLE|TASK_WAKEKILL"),
        (NEW, 0x2002, "TASK_UNINTERRUPTIBLE|TASK_FREEZABLE"),
        (NEW, 0x30002, "TASK_UNINTERRUPTIBLE|0x30000"),
        (OLD, 0x82, "TASK_UNINTERRUPTIBLE|TASK_WAKEKILL"),
        (OLD, 0x2000, "0x2000"),
    ],
)
def test_flags_name_every_bit(states: TaskStates, state: int, flags: str) -> None:
    assert states.flags(state) == flags

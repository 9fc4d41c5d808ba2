"""`ktrace decode wait`: one primitive, a frame, a named wait, the table and its page."""

from pathlib import Path

import pytest

from ktrace.kernel.wait_primitives import PRIMITIVES
from ktrace.views.wait_primitives import all_lines, lines_of
from tests.views.wait_primitives_page import BEGIN, END, table

pytestmark = pytest.mark.unit

PAGE = Path(__file__).parents[2] / "docs" / "wait-primitives.md"


def test_a_member_of_the_family() -> None:
    assert lines_of("wait_event_killable") == [
        "wait_event_killable  include/linux/wait.h",
        "state          TASK_KILLABLE (TASK_WAKEKILL|TASK_UNINTERRUPTIBLE)",
        "SIGKILL ends   yes",
        "any signal     no",
        "freeze         does not end it: the freezer has to wait until it is over",
        "timeout        none",
        "in the load    yes",
        "since          2.6.35, not in 2.6.24 (of 2.6.24 to 7.2)",
        "family         wait_event",
    ]


def test_a_frame_tells_the_family() -> None:
    lines = lines_of("__mutex_lock.constprop.0+0x1e") or []
    assert lines[0] == "__mutex_lock is how the kernel waits in the family of mutex_lock."
    assert [line.split()[0] for line in lines[4:7]] == [
        "mutex_lock",
        "mutex_lock_io",
        "mutex_lock_killable",
    ]


def test_a_function_that_is_no_primitive() -> None:
    lines = lines_of("squashfs_cache_get+0x323 [squashfs]") or []
    assert lines[1] == "waits for      an entry that is pending, or a free one"


def test_what_is_not_known() -> None:
    assert lines_of("vfs_read") is None


def test_all() -> None:
    assert len(all_lines()) == 1 + len(PRIMITIVES)


def test_the_page_has_the_table() -> None:
    text = PAGE.read_text()
    begin, end = text.index(BEGIN), text.index(END) + len(END)
    assert text[begin:end] == table(), (
        "run python -m tests.views.wait_primitives_page, and put it there"
    )

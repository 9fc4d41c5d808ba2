"""The signature of one problem is the same live, from a trace and from a log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ktrace.detectors.hung_tasks import HungTasks
from ktrace.detectors.waits import wait_of
from ktrace.events import HungReport, Task
from ktrace.findings.tasks import wait_signature
from tests.factories import state
from tests.sources.log.samples import HUNG, events_of, stamped
from tests.tracer import ktrace

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parent.parent
LOGS = ROOT / "tests" / "golden" / "logs"


def signatures(*command: str) -> set[str]:
    """Of the bad pages and waiting tasks that the command finds."""
    records = [json.loads(line) for line in ktrace(*command).stdout.splitlines()]
    return {
        record["signature"]
        for record in records
        if record.get("finding") in ("bad-page", "hung-task")
    }


def test_a_bad_page_in_a_trace_and_in_a_guests_own_log() -> None:
    """The same bit flipped in Debian's 6.1, once traced, once told by its console."""
    traced = signatures("replay", "--json", str(ROOT / "examples" / "bad-ram" / "boot-1.ktrace"))
    told = signatures("dmesg", "--json", str(LOGS / "bad-page-6.1.txt"))
    assert traced == told
    assert traced == {
        "bad-page flags check_new_pages rmqueue_bulk get_page_from_freelist __alloc_pages"
    }


def test_a_task_that_waits_in_a_log_and_live() -> None:
    """Live, the frames of functions marked __sched are above the stack (top), or not seen."""
    (told,) = signatures("dmesg", "--json", str(LOGS / "hung-6.1.txt"))
    for event in events_of((LOGS / "hung-6.1.txt").read_bytes()):
        if isinstance(event, HungReport):
            stack = event.stack
    assert [frame.partition("+")[0] for frame in stack[:4]] == [
        "__schedule",
        "schedule",
        "percpu_rwsem_wait",
        "__percpu_down_read",
    ]
    live = state(1.0, stack=(stack[2], *stack[4:]), top=(stack[0], stack[1], stack[3]))
    assert wait_signature(live.stack, wait_of(live)) == told
    assert (
        told == "hung-task percpu_down_read mnt_want_write path_openat do_filp_open do_sys_openat2"
    )


@pytest.mark.parametrize(
    ("in_log", "top", "flags"),
    [
        ("__mutex_lock+0x1/0x2\n mutex_lock+0x1/0x2\n ", ("__mutex_lock+0x1",), ""),
        ("", (), "TASK_WAKEKILL"),
        (
            "rwsem_down_read_slowpath+0x1/0x2\n down_read_killable+0x1/0x2\n ",
            ("down_read+0x1",),
            "",
        ),
    ],
)
def test_primitives(in_log: str, top: tuple[str, ...], flags: str) -> None:
    log = HUNG.replace(" squashfs_cache_get", f" {in_log}squashfs_cache_get")
    (event,) = events_of(stamped(log))
    (told,) = HungTasks().feed(event)
    live = state(
        1.0,
        Task(5, 5, "x"),
        stack=("squashfs_cache_get+0x9 [squashfs]",),
        top=top,
        state_flags=flags,
    )
    assert wait_signature(live.stack, wait_of(live)) == told.signature

"""ktrace.waits.kinds.journal: the thread that commits."""

import pytest

from ktrace.waits.kinds.journal import KIND as JOURNAL
from tests.waits.heap import Heap

pytestmark = pytest.mark.unit

OFFSETS: dict[str, int | None] = {
    "journal_s.j_wait_transaction_locked.head": 64,
    "journal_s.j_wait_done_commit.head": 96,
    "journal_s.j_wait_updates.head": 128,
    "journal_s.j_task": 160,
    "journal_s.j_devname": 168,
}
WAKE = 0xFFFFFFFF81000000


@pytest.mark.parametrize(
    ("queue", "waiter", "thread", "detail", "holders"),
    [
        (96, "sync", "jbd2/sda1-8", "a commit, of the journal on sda1-8", [10]),
        (128, "jbd2/sda1-8", None, "the handles of the transaction that it commits", []),
        (96, "sync", "sshd", None, []),  # the memory of something else
    ],
)
def test_whom_a_wait_at_a_journal_is_for(
    queue: int, waiter: str, thread: str | None, detail: str | None, holders: list[int]
) -> None:
    """thread: None is the waiter itself."""
    heap = Heap(OFFSETS)
    heap.functions[WAKE] = "autoremove_wake_function"
    task = heap.task(11, waiter)
    journal = heap.new(256)
    heap.put(journal + 160, heap.task(10, thread) if thread else task)
    heap.write(journal + 168, b"sda1-8\0")
    entry = heap.sp(task) + 0x100
    heap.put(entry + heap.layout["wait_queue_entry.private"], task)
    heap.put(entry + heap.layout["wait_queue_entry.func"], WAKE)
    heap.link(journal + queue, [entry + heap.layout["wait_queue_entry.entry"]])
    found = JOURNAL.read(heap.sleeper(task), heap.kernel)
    if detail is None:
        assert found is None
        return
    assert found
    assert found.detail.startswith(detail)
    assert [held.tid for held, _ in found.holders] == holders

"""The journal of ext4 or ocfs2: fs/jbd2/journal.c, transaction.c, commit.c."""

from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.wait_queue import WANTS, queue_of

_COMMITS = "commits the transaction"
# the queue in struct journal_s that it waits in, and for what
_QUEUES = {
    "j_wait_done_commit": "a commit",
    "j_wait_transaction_locked": "the running transaction, which is being committed",
    "j_wait_updates": "the handles of the transaction that it commits",
}


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    queue = queue_of(sleeper, kernel)
    if queue is None:
        return None
    for name, detail in _QUEUES.items():
        journal = queue.head - kernel.layout[f"journal_s.{name}.head"]
        address = kernel.member(journal, "journal_s.j_task")
        thread = kernel.task(address) if address else None
        if not thread or not thread.comm.startswith("jbd2/"):
            continue
        device = kernel.text(journal + kernel.layout["journal_s.j_devname"], 32)
        return Found(
            "jbd2",
            journal,
            f"{detail}, of the journal on {device}",
            (f"wait_queue_entry of {name} on its stack", "journal_s.j_task"),
            ((thread, _COMMITS),) if thread.address != sleeper.address else (),
            queue.waiters,
        )
    return None


KIND = Kind(
    "jbd2",
    (
        *WANTS,
        *(f"journal_s.{name}.head" for name in _QUEUES),
        "journal_s.j_task",
        "journal_s.j_devname",
    ),
    _read,
    tells="the journal's device, and whether it is a commit or the locked transaction",
    holder="the journal's thread; of that itself, not known",
    released="the journal's thread",
    seen="6.1, 6.12, 6.18, 7.2",
)

"""Who has what a waiter of a squashfs cache needs: by stacks, and by what the waiter waits at."""

from dataclasses import replace

import pytest

from ktrace.detectors.running import RunningThreads
from ktrace.detectors.squashfs import Holders
from ktrace.detectors.wait_chains import WaitChains
from ktrace.events import Stack, Task, TaskRuns, TaskState
from ktrace.findings import Blocker
from tests.factories import APP, CACHE_STACK, FILLER_STACK, SLEEP, call, state, task_wait

pytestmark = pytest.mark.unit

FILLER = Task(30, 30, "filler")
MINE = call(4096)
DECOMPRESSES = ("xz_dec_run+0x1", "squashfs_decompress+0x2", "squashfs_cache_get+0x120 [squashfs]")


def holder(stack: Stack = FILLER_STACK, block: int = 4096, **changes: object) -> TaskState:
    return state(103, FILLER, killed=(), stack=stack, squashfs=call(block), **changes)


def why(*samples: TaskState, waits_at: str | None = None, sample: TaskRuns | None = None) -> str:
    """Why the first sample blocks a thread that waits for its block, at that object."""
    waiter = state(103, squashfs=MINE)
    read = None
    if waits_at:
        read = task_wait(103, APP, wait="squashfs-cache", object=waits_at)
    running = RunningThreads()
    if sample:
        running.feed(sample)
    found, said = Holders([waiter, *samples], running.stack_now).of(waiter, read)
    assert found in ([], [samples[0]])
    return said if found else ""


ENTRY = "0xffff8880000aa000"


def test_the_object_tells_which_of_the_two_waits_it_is() -> None:
    reads, holds = "reads the block that it waits for", "holds an entry of the full fragment cache"
    mine, other = holder(), holder(block=8192)
    assert (why(mine), why(other)) == (reads, holds)
    assert (why(mine, waits_at=ENTRY), why(other, waits_at=ENTRY)) == (reads, "")
    assert (why(mine, waits_at=MINE.cache), why(other, waits_at=MINE.cache)) == (holds, holds)


@pytest.mark.parametrize(
    ("stack", "has"),
    [
        (FILLER_STACK, True),
        ((*SLEEP, "try_to_free_pages+0x1", "squashfs_readahead_fragment+0x2 [squashfs]"), True),
        # a whole block of a file is read past the caches
        ((*SLEEP, "submit_bio_wait+0x1", "squashfs_read_data+0x2 [squashfs]"), False),
        (CACHE_STACK, False),
        ((), False),
    ],
)
def test_who_has_an_entry(stack: Stack, has: bool) -> None:
    assert bool(why(holder(stack))) is has


def test_one_that_could_run_has_saved_where_it_is() -> None:
    runnable = {"state": "running", "state_flags": "TASK_RUNNING"}
    assert why(holder((*SLEEP, *DECOMPRESSES), **runnable))
    assert not why(holder(CACHE_STACK, **runnable)), "woken, and it has no entry yet"


def test_one_on_a_cpu_is_where_a_sample_has_found_it() -> None:
    """What it saved when it last left a CPU is old."""
    runs = holder(CACHE_STACK, state="running", state_flags="TASK_RUNNING", on_cpu=True)
    assert not why(runs)
    assert why(runs, sample=TaskRuns(t=103, task=FILLER, cpu=1, stack=DECOMPRESSES))


def _end(*others: TaskState) -> tuple[str, Blocker | None]:
    """What the waiter is said to wait for, and the first that blocks it."""
    waiter = state(103, squashfs=MINE)
    chains = WaitChains()
    read = task_wait(103, wait="squashfs-cache", object=ENTRY, detail="block 4096")
    chains.feed(replace(read, start_t=waiter.start_t, switches=waiter.switches))
    look = chains.at({sample.task.tid: sample for sample in (waiter, *others)}, [])
    waits_for, _ = look.waits_for(waiter)
    assert waits_for
    return waits_for.detail, next(iter(look.blockers(waiter).kept), None)


def test_that_nobody_was_seen_is_said() -> None:
    detail, blocker = _end()
    assert (detail, blocker) == ("block 4096; nobody was seen who has it", None)
    detail, blocker = _end(holder())
    assert (detail, blocker and blocker.tid) == ("block 4096", FILLER.tid)


def test_where_a_holder_is_that_could_run() -> None:
    runnable = holder((*SLEEP, *DECOMPRESSES), state="running", state_flags="TASK_RUNNING")
    _, blocker = _end(runnable)
    assert blocker
    assert blocker.runs
    assert (blocker.state, blocker.runs.cpu, blocker.runs.stack) == ("running", None, DECOMPRESSES)

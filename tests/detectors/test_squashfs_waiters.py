"""Who is asleep for an entry of a squashfs cache, and who has it, by the newest walk."""

from __future__ import annotations

import pytest

from ktrace.detectors.squashfs_waiters import Waiters
from ktrace.events import Event, Task
from ktrace.findings import SquashfsWaiter
from tests.factories import APP, CACHE_STACK, FILLER_STACK, call, dead, state, walk

pytestmark = pytest.mark.unit

FILLER = Task(30, 30, "filler")
WAITER = state(103, APP, killed=(), stack=CACHE_STACK, squashfs=call(4096), asleep_t=101.0)
HOLDER = state(103, FILLER, killed=(), stack=FILLER_STACK, squashfs=call(4096))


def newest(*events: Event) -> tuple[SquashfsWaiter, ...]:
    waiters = Waiters()
    for event in events:
        waiters.feed(event)
    return waiters.newest


def test_a_waiter_and_who_reads_its_block() -> None:
    (waiter,) = newest(WAITER, HOLDER, walk(104))
    assert (waiter.task, waiter.asleep_s, waiter.cache) == (APP, 3.0, "fragment")
    assert waiter.holders == (FILLER,)
    assert waiter.why == "reads the block that it waits for"
    assert waiter.holder_in == "submit_bio_wait"


def test_nobody_seen_who_has_it() -> None:
    (waiter,) = newest(WAITER, walk(104))
    assert (waiter.holders, waiter.why, waiter.holder_in) == ((), "", "")


def test_only_the_newest_walk_counts() -> None:
    assert newest(WAITER, HOLDER, walk(104), walk(105)) == ()
    assert newest(WAITER, dead(103.5, APP), walk(104)) == ()


def test_a_holder_is_no_waiter() -> None:
    assert newest(HOLDER, walk(104)) == ()

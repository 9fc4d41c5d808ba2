"""Grace periods of RCU on this machine's kernel, which may not show where rcu_state is."""

from __future__ import annotations

import pytest

from ktrace.events import TaskWait
from ktrace.sources.live.source import LiveSource
from tests.stuck_tasks import ready_program, spinning_in_kernel, wait_until
from tests.waits.test_held_by_processes import source as source

pytestmark = pytest.mark.kernel


def test_who_runs_on_a_cpu_that_it_waits_for(source: LiveSource) -> None:
    """Each is over in a moment: some of them are seen while they wait for that CPU."""
    with ready_program("membarrier") as waiter, spinning_in_kernel(32 << 10) as spinner:
        seen: list[TaskWait] = []

        def waits_for_it() -> TaskWait | None:
            events = (e for e in source.finish() if isinstance(e, TaskWait))
            seen.extend(e for e in events if e.task.tid == waiter.pid and e.wait == "rcu")
            return next((e for e in seen if spinner.pid in (h.task.tid for h in e.holders)), None)

        wait = wait_until("a grace period that waits for who spins", waits_for_it)
        assert wait.detail.startswith("a grace period, which waits for CPU ")
        assert wait.evidence == ("rcu_state",)
        assert {e.object for e in seen} == {wait.object}
        (holder,) = (h for h in wait.holders if h.task.tid == spinner.pid)
        assert holder.why.endswith(", which has not passed a quiescent state")

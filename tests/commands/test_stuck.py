"""ktrace stuck, as a user runs it."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest

from tests import stuck_tasks
from tests.tracer import ktrace

pytestmark = pytest.mark.kernel


def test_blocked_tasks_with_their_chain() -> None:
    with stuck_tasks.frozen_file_system() as frozen:
        writer, waiter = frozen.queue()
        done = ktrace("stuck", "--json")
    assert done.returncode == 1
    records = [json.loads(line) for line in done.stdout.splitlines()]
    found = {r["tid"]: r for r in records if r["kind"] == "finding"}
    assert found[writer.pid]["finding"] == "blocked-task"
    assert found[writer.pid]["waits_for"]["kind"] == "frozen-file-system"
    assert found[writer.pid]["release"]["command"].startswith("fsfreeze -u ")
    assert found[waiter.pid]["wait"]["primitive"] == "mutex_lock"
    (holder,) = found[waiter.pid]["blocked_by"]
    assert (holder["tid"], holder["why"]) == (writer.pid, "holds the mutex")
    assert holder["wait"]["kind"] == "frozen-file-system"
    assert holder["blocked_by"] == []


def test_the_end_of_the_chains_comes_first() -> None:
    with stuck_tasks.frozen_file_system() as frozen:
        frozen.queue()
        done = ktrace("stuck")
    assert done.returncode == 1
    text = done.stdout
    first = text.index("2 tasks wait, directly or not, for frozen file system: ext4 on loop")
    assert first < text.index("to release: thaw the file system")
    assert text.index("to release") < text.index("percpu_rwsem_wait")


def test_what_a_program_in_user_space_waits_for() -> None:
    """Of tasks that hold up others by it: here parents in vfork()."""
    calls = ("poll", "sleep", "futex", "child")
    with ExitStack() as stack:
        parents = [
            stack.enter_context(stuck_tasks.program("vfork_wait", call)).pid for call in calls
        ]
        for parent in parents:
            stuck_tasks.wait_for_state(parent, "D")
            (child,) = stuck_tasks.children(parent)
            stuck_tasks.wait_for_state(child, "S")
        done = ktrace("stuck", "--json", "--comm", "vfork_wait")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    found = {r["tid"]: r for r in records if r["kind"] == "finding"}
    links = [found[parent]["blocked_by"][0] for parent in parents]
    assert [link["wait"]["kind"] for link in links] == list(calls)

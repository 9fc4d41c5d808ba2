"""A look at real processes in a memory cgroup of the test's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ktrace.sources.live.oom_look import OomLook, same_mm
from tests import stuck_tasks

pytestmark = pytest.mark.kernel

LIMIT = 20 << 20
CAP_SYS_RESOURCE = 24  # include/uapi/linux/capability.h


def path_of(cgroup: stuck_tasks.Cgroup, pid: int) -> str:
    """As /proc/PID/cgroup has it: "5:memory:/path", or "0::/path"."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(",") or (cgroup.version == 2 and not controllers):
            return path
    pytest.fail("the process is in no memory cgroup")


def test_limit_usage_and_tasks() -> None:
    with stuck_tasks.memory_cgroup(LIMIT) as cgroup, stuck_tasks.program("eat_memory", 8) as eater:
        cgroup.add(eater.pid)
        assert eater.stdin
        eater.stdin.write(b"\n")
        eater.stdin.flush()
        path = path_of(cgroup, eater.pid)

        def eaten() -> bool:
            tasks = OomLook().look(1.0, path).tasks
            return bool(tasks) and tasks[0].anon_rss_kib >= 8192

        stuck_tasks.wait_until("eat_memory has its memory", eaten)
        look = OomLook().look(1.0, path)
        assert look.limit_kib == LIMIT // 1024
        assert look.usage_kib is not None
        assert 8192 <= look.usage_kib <= look.limit_kib
        (task,) = look.tasks
        assert (task.pid, task.comm, task.ppid) == (eater.pid, "eat_memory", os.getpid())
        assert task.cpu_s is not None


def test_a_vfork_child_shares_the_mm() -> None:
    if same_mm(os.getpid(), os.getpid()) is None:
        pytest.skip("kcmp(2) is not known for this machine")
    with (
        stuck_tasks.memory_cgroup(LIMIT) as cgroup,
        stuck_tasks.program("vfork_wait") as parent,
        stuck_tasks.program("eat_memory", 1) as other,
    ):
        children = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        child = int(stuck_tasks.wait_until("vfork", lambda: children.read_text().split())[0])
        for pid in (parent.pid, child, other.pid):
            cgroup.add(pid)
        tasks = {task.pid: task for task in OomLook().look(1.0, path_of(cgroup, child)).tasks}
        assert tasks[parent.pid].sharers == (child,)
        assert tasks[child].sharers == (parent.pid,)
        assert tasks[other.pid].sharers == ()


def test_a_child_has_inherited_its_protection() -> None:
    effective = int(stuck_tasks.status(os.getpid())["CapEff"], 16)
    if not effective >> CAP_SYS_RESOURCE & 1:
        pytest.skip("oom_score_adj -1000 needs CAP_SYS_RESOURCE, which is not to be had here")
    own = Path("/proc/self/oom_score_adj")
    before = own.read_text()
    with stuck_tasks.memory_cgroup(LIMIT) as cgroup:
        own.write_text("-1000")
        try:
            with stuck_tasks.program("eat_memory", 1) as heir:
                cgroup.add(heir.pid)
                (task,) = OomLook().look(1.0, path_of(cgroup, heir.pid)).tasks
                assert task.oom_score_adj == -1000
                assert task.protected_by[0].pid == os.getpid()
        finally:
            own.write_text(before)

"""The cgroup that a look at a task tells."""

from __future__ import annotations

import os

import pytest

from ktrace.kernel.cgroup_names import place_of
from ktrace.sources.live.decode.fields import cgroup
from tests import stuck_tasks
from tests.event_log import EventLog

pytestmark = pytest.mark.kernel

ID = "4f1c2d3e5a6b7c8d" * 4


def cgroup_of(log: EventLog, pid: int) -> str:
    look = stuck_tasks.wait_until("it is asleep", lambda: log.walk().get(pid))
    assert look.has_cgroup
    return cgroup(look.cgroup)


def test_path_in_cgroup_v2_down_to_a_container(log: EventLog) -> None:
    """As long as kubelet, containerd and systemd make it."""
    pod = "kubepods-burstable-pod0f5b7e1c_93a4_4d7a_8c0e_1f2a3b4c5d6e.slice"
    names = (f"ktrace-test-{os.getpid()}.slice", pod, f"cri-containerd-{ID}.scope")
    with stuck_tasks.unified_cgroup(*names) as group, stuck_tasks.killable_sleeper() as waiter:
        group.add(waiter.pid)
        path = cgroup_of(log, waiter.pid)
    assert path.endswith("/" + "/".join(names))
    assert place_of(path)["container"] == ID
    assert place_of(path)["pod"] == "0f5b7e1c-93a4-4d7a-8c0e-1f2a3b4c5d6e"


def test_memory_cgroup_where_v2_holds_nobody(log: EventLog) -> None:
    with stuck_tasks.memory_cgroup(1 << 30) as group, stuck_tasks.killable_sleeper() as waiter:
        if group.version == 2:
            pytest.skip("memory cgroups are of v2 here")
        group.add(waiter.pid)
        assert cgroup_of(log, waiter.pid).endswith(f"/{group.folder.name}")

"""What /proc and the cgroup's files say of a domain, from files as kernels write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrace.events import MemoryCount
from ktrace.sources.live import memory_cgroups, oom_look
from ktrace.sources.live.oom_look import OomLook

pytestmark = pytest.mark.unit

STATUS = """Name:\t{comm}
State:\tR (running)
PPid:\t{ppid}
VmPeak:\t    {peak} kB
VmSize:\t    3000 kB
VmLck:\t       8 kB
VmRSS:\t     {rss} kB
RssAnon:\t     {rss} kB
RssFile:\t      12 kB
RssShmem:\t       4 kB
VmSwap:\t       0 kB
Threads:\t3
"""


class Machine:
    """A /proc and a cgroup v2 in a folder."""

    def __init__(self, folder: Path) -> None:
        self.proc = folder / "proc"
        self.group = folder / "cgroup" / "app"
        self.group.mkdir(parents=True)
        (self.proc / "self").mkdir(parents=True)
        mount = f"33 25 0:29 / {folder}/cgroup rw,relatime - cgroup2 cgroup2 rw\n"
        (self.proc / "self" / "mountinfo").write_text(mount)
        (self.group / "memory.stat").write_text("anon 20480000\nshmem 4096\nkernel 61440\nx 1 2\n")
        (self.group / "memory.max").write_text("20971520\n")
        (self.group / "memory.current").write_text("20967424\n")
        (self.group / "cgroup.procs").write_text("")

    def process(
        self, pid: int, ppid: int, adjust: int, comm: str = "app", rss: int = 100, peak: int = 0
    ) -> None:
        """peak: 0: not known."""
        folder = self.proc / str(pid)
        folder.mkdir()
        text = STATUS.format(comm=comm, ppid=ppid, rss=rss, peak=peak)
        (folder / "status").write_text(text)
        (folder / "oom_score_adj").write_text(f"{adjust}\n")
        (folder / "stat").write_text(f"{pid} (a) b) R 1 1 1 0 -1 4 9 0 0 0 150 50 0 0\n")

    def join(self, *pids: int) -> None:
        (self.group / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in pids))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_memory_cgroup(machine: Machine) -> None:
    machine.process(1, 0, 0, "init")
    machine.process(30, 1, -1000, "guard")
    machine.process(31, 30, -1000, "shim")
    machine.process(40, 31, -1000, "heir", rss=20000)
    machine.process(41, 30, 0, "large", rss=30000)
    machine.join(40, 41)
    look = OomLook(machine.proc).look(5.0, "/app")
    assert (look.t, look.memcg, look.processes) == (5.0, "/app", 2)
    assert (look.limit_kib, look.usage_kib) == (20480, 20476)
    assert look.memory == (
        MemoryCount("anon", 20000),
        MemoryCount("shmem", 4),
        MemoryCount("kernel", 60),
    )
    heir, large = look.tasks  # the protected first, though it is smaller
    assert (heir.pid, heir.comm, heir.oom_score_adj, heir.threads) == (40, "heir", -1000, 3)
    assert (heir.anon_rss_kib, heir.file_rss_kib, heir.shmem_rss_kib) == (20000, 12, 4)
    assert heir.locked_kib == 8
    assert heir.cpu_s == 2.0
    assert [task.comm for task in heir.protected_by] == ["shim", "guard"]
    assert large.protected_by == ()


def test_it_breathes_at_each_process(machine: Machine) -> None:
    machine.process(40, 1, 0)
    machine.process(41, 1, 0)
    machine.join(40, 41)
    breaths: list[int] = []
    OomLook(machine.proc, breathe=lambda: breaths.append(1)).look(1.0, "/app")
    assert len(breaths) >= 2


def test_who_shares_an_mm_that_grows_while_it_is_read(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, int]] = []

    def kcmp(pid: int, other: int) -> bool:
        asked.append((pid, other))
        return True

    monkeypatch.setattr(oom_look, "same_mm", kcmp)
    machine.process(40, 1, 0, peak=4000)
    machine.process(41, 1, 0, peak=4400)
    machine.process(42, 1, 0, peak=3000)
    machine.join(40, 41, 42)
    tasks = {task.pid: task for task in OomLook(machine.proc).look(1.0, "/app").tasks}
    assert (tasks[40].sharers, tasks[41].sharers, tasks[42].sharers) == ((41,), (40,), ())
    assert (40, 41) in asked
    assert not {(40, 42), (41, 42)} & set(asked)


def test_tasks_of_groups_below(machine: Machine) -> None:
    machine.process(40, 1, 0)
    inner = machine.group / "inner"
    inner.mkdir()
    (inner / "cgroup.procs").write_text("40\n")
    assert [task.pid for task in OomLook(machine.proc).look(1.0, "/app").tasks] == [40]


def test_the_machine(machine: Machine) -> None:
    machine.process(40, 1, 0)
    text = "MemTotal:  256000 kB\nMemAvailable:  1000 kB\nSUnreclaim:  90000 kB\n"
    (machine.proc / "meminfo").write_text(text)
    look = OomLook(machine.proc).look(1.0, None)
    assert (look.limit_kib, look.usage_kib) == (256000, None)
    assert look.memory == (MemoryCount("MemAvailable", 1000), MemoryCount("SUnreclaim", 90000))
    assert [task.pid for task in look.tasks] == [40]


def test_what_is_gone_is_left_out(machine: Machine) -> None:
    machine.join(40, 41)
    assert OomLook(machine.proc).look(1.0, "/app").tasks == ()
    gone = OomLook(machine.proc).look(1.0, "/no/such")
    assert (gone.processes, gone.limit_kib, gone.memory) == (0, None, ())


def test_an_ancestor_that_is_its_own_does_not_loop(machine: Machine) -> None:
    machine.process(40, 41, -1000)
    machine.process(41, 40, -1000)
    machine.join(40)
    (task,) = OomLook(machine.proc).look(1.0, "/app").tasks
    assert [ancestor.pid for ancestor in task.protected_by] == [41]


def test_no_limit(machine: Machine) -> None:
    (machine.group / "memory.max").write_text("max\n")
    assert memory_cgroups.limit_and_usage(machine.group) == (None, 20476)


def test_cgroup_v1(tmp_path: Path) -> None:
    point = tmp_path / "memory"
    (point / "app").mkdir(parents=True)
    (point / "app" / "memory.stat").write_text("rss 1\ntotal_rss 2048\ntotal_cache 4096\n")
    (point / "app" / "memory.limit_in_bytes").write_text("20971520\n")
    mountinfo = f"1 1 0:1 /docker/1 {point} rw - cgroup cgroup rw,memory\n"
    assert memory_cgroups.memory_folder("/docker/1/app", mountinfo) == str(point / "app")
    assert memory_cgroups.memory_folder("/docker/12/app", mountinfo) is None
    assert memory_cgroups.limit_and_usage(point / "app") == (20480, None)
    assert memory_cgroups.memory_stat(point / "app") == (
        MemoryCount("rss", 2),
        MemoryCount("cache", 4),
    )


def test_times_of_a_process_with_a_hostile_name() -> None:
    assert oom_look.cpu_seconds("7 (x) R 1 2 (y) R 1 1 1 0 -1 4 9 0 0 0 100 100 0 0") == 2.0
    assert oom_look.cpu_seconds("") is None


def test_another_cgroup_of_the_same_path_is_not_looked_at(machine: Machine) -> None:
    machine.process(40, 1, 0)
    machine.join(40)
    inode = machine.group.stat().st_ino
    assert OomLook(machine.proc).look(1.0, "/app", inode).processes == 1
    before_v5_5 = (3 << 32) | inode
    assert OomLook(machine.proc).look(1.0, "/app", before_v5_5).processes == 1
    other = OomLook(machine.proc).look(1.0, "/app", inode + 1)
    assert (other.processes, other.memory, other.limit_kib) == (0, (), None)

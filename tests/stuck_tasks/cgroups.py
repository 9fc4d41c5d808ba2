"""Cgroups that freeze, throttle, or limit the memory of tasks."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.stuck_tasks.proc import status, wait_for_state, wait_until
from tests.stuck_tasks.programs import Process, end, guard, sleeper


@dataclass(frozen=True)
class Cgroup:
    """A cgroup of the test's own."""

    folder: Path
    version: int

    def add(self, pid: int) -> None:
        self.write("cgroup.procs", str(pid))

    def write(self, name: str, value: str) -> None:
        (self.folder / name).write_text(value)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()


@dataclass(frozen=True)
class FrozenTask:
    """A process in a frozen cgroup. Version 1: SIGKILL ends it only after the thaw."""

    process: Process
    cgroup: Cgroup

    def freeze(self) -> None:
        name, value, _ = _FREEZER[self.cgroup.version]
        self.cgroup.write(name, value)

        def is_frozen() -> bool:
            if self.cgroup.version == 1:
                return self.cgroup.read(name).strip() == "FROZEN"
            return "frozen 1" in self.cgroup.read("cgroup.events")

        wait_until(f"{self.cgroup.folder} is frozen", is_frozen)

    def thaw(self) -> None:
        name, _, value = _FREEZER[self.cgroup.version]
        self.cgroup.write(name, value)


# version -> file, what freezes, what thaws
_FREEZER = {1: ("freezer.state", "FROZEN", "THAWED"), 2: ("cgroup.freeze", "1", "0")}


@contextmanager
def frozen_by_cgroup(version: int) -> Iterator[FrozenTask]:
    """A process, asleep interruptibly before, frozen by a cgroup of that version."""
    with sleeper() as process, frozen_in_cgroup(process, version) as task:
        yield task


@contextmanager
def frozen_in_cgroup(process: Process, version: int) -> Iterator[FrozenTask]:
    """Moves it to a cgroup of its own, which is frozen. It has to end before the block does."""
    name, _, value = _FREEZER[version]
    with (
        _cgroup("freezer", version, needs=name) as cgroup,
        ExitStack() as ending,
        guard('echo "$1" >"$2"', value, str(cgroup.folder / name)),
    ):
        ending.callback(end, process)
        cgroup.add(process.pid)
        task = FrozenTask(process, cgroup)
        task.freeze()
        yield task


@contextmanager
def memory_cgroup(limit: int) -> Iterator[Cgroup]:
    """A memory cgroup with a limit in bytes, of whichever version this machine has."""
    versions = {1: "memory.limit_in_bytes", 2: "memory.max"}
    version = 1 if _cgroup_mount("memory", 1) else 2
    with _cgroup("memory", version, needs=versions[version]) as cgroup:
        cgroup.write(versions[version], str(limit))
        yield cgroup


@contextmanager
def unified_cgroup(*names: str) -> Iterator[Cgroup]:
    """A cgroup v2 of the test's own, below a folder for each name."""
    mount = _cgroup_mount("", 2)
    if mount is None:
        pytest.skip("no cgroup v2 is mounted")
    folders = [mount.joinpath(*names[: depth + 1]) for depth in range(len(names))]
    try:
        for folder in folders:
            folder.mkdir()
        yield Cgroup(folders[-1], 2)
    finally:
        leaf = folders[-1]
        wait_until(f"{leaf} is empty", lambda: not (leaf / "cgroup.procs").read_text())
        for folder in reversed(folders):
            folder.rmdir()


@contextmanager
def throttled(process: Process) -> Iterator[Cgroup]:
    """The process runs for a millisecond of each second, as its cgroup's limit says."""
    version = 1 if _cgroup_mount("cpu", 1) else 2
    with (
        _cgroup("cpu", version, needs="cpu.cfs_quota_us" if version == 1 else "cpu.max") as cgroup,
        ExitStack() as ending,
    ):
        ending.callback(end, process)
        if version == 1:
            cgroup.write("cpu.cfs_period_us", "1000000")
            cgroup.write("cpu.cfs_quota_us", "1000")
        else:
            cgroup.write("cpu.max", "1000 1000000")
        cgroup.add(process.pid)
        stat = cgroup.folder / "cpu.stat"
        wait_until("it is throttled", lambda: "nr_throttled 0\n" not in stat.read_text())
        yield cgroup


@dataclass
class LimitedIo:
    """A cgroup that may hardly do any I/O to a device. limit: bytes a second."""

    cgroup: Cgroup
    limit: int
    _tasks: ExitStack

    def run(self, *command: object) -> Process:
        """It is in the cgroup from its start on, and asleep in D now."""
        script = 'echo $$ >"$0"; exec "$@"'
        arguments = [str(self.cgroup.folder / "cgroup.procs"), *map(str, command)]
        process = subprocess.Popen(["sh", "-c", script, *arguments], stdout=subprocess.DEVNULL)
        self._tasks.callback(end, process)
        name = Path(str(command[0])).name
        wait_until(f"{name} runs", lambda: status(process.pid).get("Name") == name)
        wait_for_state(process.pid, "D")
        return process


@contextmanager
def io_limited(number: int, direction: str) -> Iterator[LimitedIo]:
    """A cgroup that may "read" or "write" a byte or two a second of the device, until the block
    ends."""
    version = 1 if _cgroup_mount("blkio", 1) else 2
    least = version  # io.max takes no 1: block/blk-throttle.c
    name, limit, lifted = {
        1: (f"blkio.throttle.{direction}_bps_device", f"{least}", "0"),
        2: ("io.max", f"{direction[0]}bps={least}", f"{direction[0]}bps=max"),
    }[version]
    device = f"{os.major(number)}:{os.minor(number)}"
    with (
        _cgroup("blkio", version, needs=name) as cgroup,
        ExitStack() as tasks,
        guard('echo "$1" >"$2"', f"{device} {lifted}", str(cgroup.folder / name)),
    ):
        cgroup.write(name, f"{device} {limit}")
        yield LimitedIo(cgroup, least, tasks)


@contextmanager
def io_cost(number: int) -> Iterator[LimitedIo]:
    """A cgroup whose I/O to the device costs a second for each page, by io.cost, until the block
    ends. v2 alone has that; no page costs more (calc_lcoefs() of block/blk-iocost.c)."""
    mount = _cgroup_mount("", 2)
    if mount is None or not (mount / "io.cost.qos").exists():
        pytest.skip("no cgroup v2 with io.cost is mounted")
    device, qos = f"{os.major(number)}:{os.minor(number)}", mount / "io.cost.qos"
    slow = " ".join(f"{way}bps=1 {way}seqiops=1 {way}randiops=1" for way in "rw")
    with (
        _cgroup("io", 2, needs="io.weight") as cgroup,
        guard('echo "$1" >"$2"', f"{device} enable=0", str(qos)),
        ExitStack() as tasks,
    ):
        (mount / "io.cost.model").write_text(f"{device} ctrl=user model=linear {slow}")
        qos.write_text(f"{device} enable=1 ctrl=user min=1.00 max=1.00")
        tasks.callback(qos.write_text, f"{device} min=10000.00 max=10000.00")
        yield LimitedIo(cgroup, 1, tasks)


def _cgroup_mount(controller: str, version: int) -> Path | None:
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, target, kind, options, *_ = line.split()
        if version == 1 and kind == "cgroup" and controller in options.split(","):
            return Path(target)
        if version == 2 and kind == "cgroup2":
            return Path(target)
    return None


@contextmanager
def _cgroup(controller: str, version: int, needs: str) -> Iterator[Cgroup]:
    mount = _cgroup_mount(controller, version)
    if mount is None:
        pytest.skip(f"no cgroup v{version} with the controller {controller} is mounted")
    folder = mount / f"ktrace-test-{os.getpid()}-{controller}"
    folder.mkdir()
    try:
        if not (folder / needs).exists():
            pytest.skip(f"{folder.parent} offers no {needs}")
        yield Cgroup(folder, version)
    finally:
        wait_until(f"{folder} is empty", lambda: not (folder / "cgroup.procs").read_text())
        folder.rmdir()

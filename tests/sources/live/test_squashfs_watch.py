"""The counts of the kernel as events: sums over CPUs, what has changed, the busiest files."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from ktrace.events import CacheState, Longest, Task
from ktrace.kernel.btf import Btf
from ktrace.package import bpf_object
from ktrace.probes.loader import SquashfsTables
from ktrace.sources.live import squashfs_watch
from ktrace.sources.live.memory_watch import MemoryLook
from ktrace.sources.live.squashfs_watch import SquashfsWatch

pytestmark = pytest.mark.unit

CACHE = 0xFFFF888004561200
STATE = CacheState(in_use=3, pending=1, waited_for=2, waiting=0)


@pytest.fixture(scope="module")
def structs() -> dict[str, type[ctypes.Structure]]:
    described = Btf.of_file(bpf_object("squashfs_use"))
    names = ("use_key", "use", "use_facts", "file_key", "file")
    try:
        return {name: described.structure(f"squashfs_{name}") for name in names}
    finally:
        described.close()


@pytest.fixture
def kernel(structs: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Kernel:
    monkeypatch.setattr(squashfs_watch, "mounts", lambda: {"7:0": "/data"})
    return Kernel(structs)


def write(characters: Any, text: bytes) -> None:
    ctypes.memmove(characters, text, len(text))


class Kernel:
    """Has the tables of one cache on two CPUs."""

    def __init__(self, structs: dict[str, Any]) -> None:
        self.structs = structs
        self.key = structs["use_key"](cache=CACHE, dev=7 << 20)
        self.facts = structs["use_facts"](entries=3, block_size=1 << 20)
        write(self.facts.name, b"fragment")
        write(self.facts.device, b"loop0")
        self.cpus = [structs["use"](), structs["use"]()]
        self.files: list[Any] = []
        self.programs: dict[str, int] = {}
        self.state: CacheState | None = STATE

    def tables(self) -> SquashfsTables:
        return SquashfsTables(
            ((self.key, self.facts, self.cpus),), tuple(self.files), self.programs
        )

    def read_file(self, inode: int, bytes_read: int, path: bytes = b"app\0bin\0") -> None:
        key = self.structs["file_key"](ino=inode, dev=7 << 20)
        file = self.structs["file"](fills=1, bytes_read=bytes_read)
        write(file.path, path)
        self.files.append((key, file))

    def watch(self) -> SquashfsWatch:
        counters = {"workingset_refault_file": 77}
        memory = {"Active(file)": 100, "Inactive(file)": 28, "MemAvailable": 5000}
        look = MemoryLook(1.0, memory, (), counters, None)
        return SquashfsWatch(self.tables, lambda *_: self.state, lambda: look)


def test_the_counts_of_all_cpus_are_summed(kernel: Kernel) -> None:
    first, second = kernel.cpus
    first.calls, second.calls = 5, 7
    first.slept_ns, second.slept_ns = 10**9, 5 * 10**8
    first.slept_slots[3], second.slept_slots[3], second.slept_slots[5] = 1, 2, 1
    second.waiter.ns, second.waiter.t = 4 * 10**8, 99 * 10**9
    second.waiter.task.pid, second.waiter.task.tid = 20, 21
    write(second.waiter.task.comm, b"reader")
    (event,) = kernel.watch().read(100.0)
    (use,) = event.caches
    assert (use.calls, use.slept_s, use.slept) == (12, 1.5, (0, 0, 0, 3, 0, 1))
    assert use.longest_wait == Longest(0.4, 99.0, Task(20, 21, "reader"))
    assert use.longest_hold is None
    assert (use.device, use.dev, use.mount, use.name) == ("loop0", "7:0", "/data", "fragment")
    assert (use.entries, use.block_size, use.state) == (3, 1 << 20, STATE)
    assert (event.refaults, event.file_pages_kib, event.available_kib) == (77, 128, 5000)


def test_an_event_comes_when_something_has_changed(kernel: Kernel) -> None:
    watch = kernel.watch()
    assert len([*watch.read(100.0)]) == 1
    assert not [*watch.read(101.0)]
    kernel.cpus[0].calls += 1
    assert len([*watch.read(102.0)]) == 1
    kernel.state = None
    assert len([*watch.read(103.0)]) == 1


def test_the_files_that_have_grown_most(kernel: Kernel) -> None:
    for inode in range(20):
        kernel.read_file(inode, bytes_read=inode * 1000)
    watch = kernel.watch()
    (event,) = watch.read(100.0)
    assert [file.inode for file in event.files] == [*range(19, 11, -1)]
    assert event.files[0].path == "/bin/app"
    kernel.cpus[0].fills += 1
    (later,) = watch.read(101.0)
    assert later.files == ()


def test_a_file_whose_name_could_not_be_read(kernel: Kernel) -> None:
    kernel.read_file(5, 1000, path=b"")
    (event,) = kernel.watch().read(100.0)
    assert event.files[0].path == ""


def test_blocks_past_the_caches_have_no_state(kernel: Kernel) -> None:
    kernel.key.cache = 0
    (event,) = kernel.watch().read(100.0)
    assert (event.caches[0].name, event.caches[0].state) == ("files", None)


def test_a_mount_that_is_not_there_yet_is_asked_for_again_but_not_for_ever(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [{}, {"7:0": "/data"}]
    monkeypatch.setattr(squashfs_watch, "mounts", lambda: answers.pop(0))
    watch = kernel.watch()
    mounts = []
    for second in range(4):
        kernel.cpus[0].calls += 1
        mounts += [use.mount for event in watch.read(100.0 + second) for use in event.caches]
    assert mounts == ["", "/data", "/data", "/data"]
    asked: list[int] = []
    monkeypatch.setattr(squashfs_watch, "mounts", lambda: asked.append(1) or {})
    watch = kernel.watch()
    for second in range(10):
        kernel.cpus[0].calls += 1
        assert [*watch.read(100.0 + second)]
    assert len(asked) == 3


def test_nothing_where_nothing_is_counted() -> None:
    assert not [*SquashfsWatch(lambda: None, lambda *_: None, lambda: None).read(100.0)]

"""The loader for kernels with BTF: prebuilt CO-RE objects through libbpf."""

import ctypes
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ktrace import real_time
from ktrace.errors import CannotTrace
from ktrace.findings import Probe
from ktrace.kernel.btf import Btf
from ktrace.kernel.btf_file import btf_file, held_copy
from ktrace.kernel.capabilities import raised
from ktrace.kernel.libbpf import SAMPLE_CALLBACK, LibbpfError, check, lib
from ktrace.privileges import require_tracing
from ktrace.probes.aside import Aside
from ktrace.probes.bio_submitters import OBJECT as BIOS
from ktrace.probes.bio_submitters import BioSubmitters
from ktrace.probes.bpf_object import BpfObject
from ktrace.probes.catalog import ALLOCATIONS, PURPOSES, SQUASHFS_USE
from ktrace.probes.held_memory import held_memory
from ktrace.probes.kernel_types import kernel_types
from ktrace.probes.ladder import KernelHooks, may_read_kernel_memory, module_instance
from ktrace.probes.loader import OomCounts, RawEvent, SquashfsTables
from ktrace.probes.oom_maps import OomMaps
from ktrace.probes.probed_knobs import probed_knobs
from ktrace.probes.proc_looks import agrees, own_facts
from ktrace.probes.running import RunningTasks
from ktrace.probes.squashfs_maps import SquashfsMaps
from ktrace.probes.task_walk import (
    TaskWalk,
    add_stacks,
    looks_and_others,
    looks_at_others,
    read_iterator,
)
from ktrace.probes.wake_up import WakeUp
from ktrace.probes.walk_marks import ITSELF, WalkMarks
from ktrace.probes.wire import OBJECTS, wire

if TYPE_CHECKING:
    from ktrace.probes.allocation_maps import AllocationMaps

_WITHOUT_BTF = {"tasks": "tasks_raw"}  # objects made anew for kernels without their own BTF


class LibbpfLoader:
    """Attaches every probe; gives raw events in the order in which they come."""

    name = "libbpf"
    can_follow = True

    def __init__(
        self,
        knobs: Mapping[str, int],
        hot: Sequence[str] = (),
        breathe: Callable[[], None] = lambda: None,
    ) -> None:
        """hot: objects to load beside those that every run has. breathe: called now and then while
        the kernel holds up a walk."""
        require_tracing()
        self._hot = hot
        self.allocations: AllocationMaps | None = None
        self.bio_submitters: BioSubmitters | None = None
        self._btf_file = btf_file()
        self.btf = kernel_types(self._btf_file)
        self._held_btf = held_copy(self._btf_file)
        self._knobs = dict(knobs) | probed_knobs(self.btf)
        self._maps: dict[str, int] = {}
        self._objects: dict[str, BpfObject] = {}
        self._oom_maps: OomMaps | None = None
        self._squashfs_maps: SquashfsMaps | None = None
        self._running: RunningTasks | None = None
        self._task_walk: TaskWalk | None = None
        self._marks = WalkMarks(self._maps)
        self._aside = Aside[bytearray](breathe)
        self._modules: dict[str, int | None] = {}
        self._ring = 0
        self._received: list[RawEvent] = []
        self._wake: WakeUp | None = None
        self._callback = SAMPLE_CALLBACK(self._receive)

    def has_function(self, name: str) -> bool:
        """Does the kernel have a function of that name? Before attach()."""
        return self.btf.function(name) is not None

    def enum(self, name: str) -> dict[str, int] | None:
        """The kernel's enum of that name. Before attach()."""
        return self.btf.enum(name)

    def kernel_btf(self) -> Btf:
        return self.btf

    def facts(self) -> list[tuple[str, str]]:
        return [("kernel memory", held_memory(self._maps, ring="events"))]

    def attach(self) -> list[Probe]:
        """Hook what can be hooked. Raises CannotTrace when not even the task walk can be."""
        probes = [probe for name in (*OBJECTS, BIOS) for probe in self._attach_object(name)]
        self._task_walk = self._prepare_walk()
        if "events" not in self._maps:
            raise _nothing_loaded(probes)
        for name in self._hot:
            probes += self._attach_object(name)
        self._ring = check(
            lib().ring_buffer__new(self._maps["events"], self._callback, None, None),
            "open the ring buffer",
        )
        self._wake = WakeUp(lib().ring_buffer__epoll_fd(self._ring))
        if self._task_walk:
            self._test_btf_file(self._task_walk)
        self._running = _running_tasks(self._maps)
        self.bio_submitters = BioSubmitters(self._maps) if "bio_submitters" in self._maps else None
        if "alloc_sites" in self._maps:
            self.allocations = self._allocation_maps()
        return probes

    def _allocation_maps(self) -> "AllocationMaps":
        from ktrace.probes.allocation_maps import AllocationMaps

        programs = self._objects[ALLOCATIONS]
        fds = [*programs.program_fds().values()]
        return AllocationMaps(self._maps, fds, programs.program_fd("walk_mm_page_free"))

    def forget_types(self) -> None:
        """Some 6 MiB; read again when a module comes."""
        self.btf.close()

    def _attach_object(self, name: str) -> list[Probe]:
        hooks = KernelHooks(self.btf, self._held_btf)
        file = _WITHOUT_BTF.get(name, name) if self._btf_file else name
        bpf_object = BpfObject(file, hooks, self._knobs, self._maps)
        for module in _modules_of(name):
            self._modules[module] = module_instance(module)
        probes = bpf_object.attach()
        self._objects[name] = bpf_object
        if "oom_domains" in self._maps and self._oom_maps is None:
            self._oom_maps = OomMaps(wire().layouts, self._maps)
        return probes

    def read(self, timeout_s: float) -> list[RawEvent]:
        """Events of the ring; waits for the first at most timeout_s."""
        assert self._wake
        self._wake.wait(timeout_s)
        lib().ring_buffer__consume(self._ring)
        received, self._received = self._received, []
        return received

    def wake_on(self, fd: int) -> None:
        """read() returns early when something can be read from fd, too."""
        assert self._wake
        self._wake.add(fd)

    def walk(self) -> tuple[list[RawEvent], bool]:
        """A look at every task; False when the walk broke off."""
        if self._task_walk:
            return self._walk_by_run(self._task_walk)
        try:
            link = self._objects["tasks"].link_fd("iter_task")
            data = self._aside.do(lambda: read_iterator(link))
        except (KeyError, LibbpfError, OSError):
            return [], False
        layout = wire().layouts["task_state"]
        size = ctypes.sizeof(layout)
        whole = len(data) % size == 0
        return [
            ("TASK_STATE", layout.from_buffer(data, at))
            for at in range(0, len(data) - size + 1, size)
        ], whole

    def _prepare_walk(self) -> TaskWalk | None:
        program = self._objects["tasks"].program_fd("walk_tasks")
        # without it, there is an iterator
        return None if program is None else TaskWalk(program, self._maps)

    def _test_btf_file(self, walk: TaskWalk) -> None:
        """What the walk reads about this very process, with which it begins, must be what /proc
        says: else the file describes another kernel, and nothing that is read with it is true.
        Raises CannotTrace."""
        try:
            walk.run()
        except LibbpfError as error:
            raise CannotTrace(
                f"whether {self._btf_file} fits this kernel cannot be tested: {error}",
                hint="raw tracepoint programs can be run on demand since Linux 5.10",
            ) from None
        me = os.getpid()
        self.follow({me: ITSELF})
        raw, _ = self.walk_marked(ITSELF)
        self.follow({me: 0})
        if not any(agrees(event, own_facts()) for _, event in raw):
            raise CannotTrace(
                f"the BTF in {self._btf_file} is not that of the running kernel: "
                "what ktrace reads about itself with it is wrong",
                hint="make it from the vmlinux of the running kernel, from the same build",
            )

    def _walk_by_run(self, walk: TaskWalk) -> tuple[list[RawEvent], bool]:
        try:
            whole = walk.run()
        except LibbpfError:
            whole = False
        lib().ring_buffer__consume(self._ring)
        looks, self._received = looks_and_others(self._received)
        add_stacks(looks)
        if whole or self._marks.restricted:
            return looks, whole
        others = looks_at_others(looks, self._maps)
        return looks + (others or []), others is not None

    def follow(self, marks: Mapping[int, int]) -> bool:
        """Have walks show these tids, whatever they do, with a mark; 0 takes one out again.
        False when the table is full."""
        return self._marks.set(marks)

    def walk_marked(self, mark: int) -> tuple[list[RawEvent], bool]:
        """A look only at those that follow() has given this mark."""
        with self._marks.only(mark):
            return self.walk()

    def sample(self, tids: Iterable[int]) -> None:
        """Tell where these tasks run from now on, as TASK_RUNS, and no others."""
        if self._running:
            self._running.choose(tids)

    def lost(self) -> dict[str, int]:
        """Events that did not reach the ring since the start, by kind; only those above 0."""
        counts = {}
        value = ctypes.c_uint64()
        for name, number in wire().kinds.items():
            key = ctypes.c_uint32(number)
            found = lib().bpf_map_lookup_elem(
                self._maps["lost"], ctypes.byref(key), ctypes.byref(value)
            )
            if found == 0 and value.value:
                counts[name.lower()] = value.value
        return counts

    def oom_counts(self, seen: dict[tuple[int, int], int]) -> list[OomCounts]:
        """Domains with more calls than seen has for their (cgroup, call)."""
        return self._oom_maps.changed(seen) if self._oom_maps else []

    def forget_oom_counts(self, cgroup: int, call: int) -> None:
        """Make room for other domains."""
        if self._oom_maps:
            self._oom_maps.forget(cgroup, call)

    def squashfs_tables(self) -> SquashfsTables | None:
        """None: not counted, or squashfs has never been there."""
        if self._squashfs_maps is None and SQUASHFS_USE in self._maps:
            self._squashfs_maps = SquashfsMaps(self._maps)
        if self._squashfs_maps is None:
            return None
        return self._squashfs_maps.read(
            self._objects["squashfs"].program_fds() | self._objects[SQUASHFS_USE].program_fds()
        )

    def follow_modules(self) -> list[Probe]:
        """Attach to modules that were loaded (again), detach from unloaded ones. What changed."""
        changed = [m for m, known in self._modules.items() if module_instance(m) != known]
        if not changed:
            return []
        # types of modules are given to CAP_SYS_ADMIN alone; the verifier may take seconds
        with real_time.set_aside(), raised():
            return self._attach_again(changed)

    def _attach_again(self, changed: list[str]) -> list[Probe]:
        probes = []
        self.btf = kernel_types(self._held_btf)
        for name in [*self._objects]:
            if _modules_of(name).intersection(changed):
                self._objects[name].close()
                probes += self._attach_object(name)
        self.btf.close()
        return probes

    def close(self) -> None:
        self._aside.close()
        if self._ring:
            lib().ring_buffer__free(self._ring)
            self._ring = 0
        if self._running:
            self._running.close()
        for bpf_object in self._objects.values():
            bpf_object.close()
        self._objects.clear()
        for descriptor in self._maps.values():
            os.close(descriptor)
        self._maps.clear()
        self.btf.close()

    def _receive(self, _context: int, data: int, size: int) -> int:
        event = wire().event(data, size)
        if event is not None:
            self._received.append(event)
        return 0


def _modules_of(object_name: str) -> set[str]:
    """Modules whose functions an object hooks: the object is named for its subject."""
    return {p.module for p in PURPOSES.values() if p.module == object_name.partition("_")[0]}


def _running_tasks(maps: Mapping[str, int]) -> RunningTasks | None:
    """Without it nobody knows where a running holder is, and that is what is said of it."""
    try:
        return RunningTasks(maps)
    except LibbpfError:
        return None


def _nothing_loaded(probes: list[Probe]) -> CannotTrace:
    if not may_read_kernel_memory():
        return CannotTrace(
            "this kernel lets no BPF program read its memory: it is locked down",
            hint="boot without lockdown=confidentiality; Secure Boot may set it",
        )
    reasons = {probe.why for probe in probes if probe.state == "missing"}
    return CannotTrace(
        f"no BPF program could be loaded: {'; '.join(sorted(reasons))[:300]}",
        hint="see `ktrace doctor`",
    )

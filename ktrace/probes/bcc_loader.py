"""The loader for kernels without BTF: bcc compiles the probes on the machine that is traced.

Kernels from v4.17 on: raw tracepoints (c4f6699dfcb8) and kprobes by perf_event_open().
"""

import ctypes
import os
import platform
import signal
import time
from collections.abc import Iterable, Mapping, Sequence

from ktrace.errors import CannotTrace
from ktrace.findings import Probe
from ktrace.kernel.libbpf import LOST_CALLBACK, PERF_CALLBACK, check, lib
from ktrace.privileges import require_tracing
from ktrace.probes import kprobe, raw_tracepoint
from ktrace.probes.bcc_build import Built, build
from ktrace.probes.bcc_headers import Headers, find_headers
from ktrace.probes.bcc_program import (
    KPROBES,
    RAW_TRACEPOINTS,
    definitions,
    kernel_functions,
    program_of,
    text,
    wanted_functions,
)
from ktrace.probes.catalog import PURPOSES, hooked
from ktrace.probes.ladder import KPROBE_PMU, module_instance
from ktrace.probes.loader import OomCounts, RawEvent
from ktrace.probes.oom_maps import OomMaps
from ktrace.probes.proc_looks import agrees, look_up, own_facts, task_state
from ktrace.probes.proc_walk import walk
from ktrace.probes.wake_up import WakeUp
from ktrace.probes.wire import wire

_MAPS = (
    "events",
    "lost",
    "killed_switches",
    "killed_sleeps",
    "squashfs_calls",
    "watched",
    "oom_domains",
    "oom_callers",
)
_PAGES_PER_CPU = 64  # of the perf buffer
_SELF_TEST_S = 5.0
# enum oom_constraint of include/linux/oom.h: its order never changed
_CONSTRAINTS = {
    name: number
    for number, name in enumerate(
        (
            "CONSTRAINT_NONE",
            "CONSTRAINT_CPUSET",
            "CONSTRAINT_MEMORY_POLICY",
            "CONSTRAINT_MEMCG",
        )
    )
}


class BccLoader:
    """Compiles and attaches every probe; gives raw events in the order in which they come."""

    name = "bcc"
    can_follow = False
    allocations: None = None
    bio_submitters: None = None

    def __init__(self, knobs: Mapping[str, int], hot: Sequence[str] = ()) -> None:
        require_tracing()
        self._knobs = dict(knobs)
        self._hot = hot
        self._functions = kernel_functions(wanted_functions())
        self._built: Built | None = None
        self._oom_maps: OomMaps | None = None
        self._origin = ""
        self._facts: list[tuple[str, str]] = []
        self._links: dict[str, int] = {}
        self._modules: dict[str, int | None] = {}
        self._buffer = 0
        self._received: list[RawEvent] = []
        self._wake: WakeUp | None = None
        self._callback = PERF_CALLBACK(self._receive)
        self._on_lost = LOST_CALLBACK(lambda _context, _cpu, _count: None)  # counted in BPF

    def has_function(self, name: str) -> bool:
        """Of bcc_program.wanted_functions(): does the kernel have it?"""
        return name in self._functions

    def enum(self, name: str) -> dict[str, int] | None:
        return _CONSTRAINTS if name == "oom_constraint" else None

    def kernel_btf(self) -> None:
        return None

    def forget_types(self) -> None:
        pass

    def facts(self) -> list[tuple[str, str]]:
        """For doctor, after attach()."""
        return self._facts

    def attach(self) -> list[Probe]:
        """Hook what can be hooked. Raises CannotTrace when nothing can."""
        headers = find_headers(platform.release())
        try:
            self._load(headers)
        finally:
            headers.drop()
        assert self._built is not None
        self._buffer = check(
            lib().perf_buffer__new(
                self._built.maps["events"],
                _PAGES_PER_CPU,
                self._callback,
                self._on_lost,
                None,
                None,
            ),
            "open the perf buffer",
        )
        self._wake = WakeUp(lib().perf_buffer__epoll_fd(self._buffer))
        probes = [self._attach(name) for name in hooked(self._hot)]
        if not self._links:
            reasons = {probe.why for probe in probes if probe.state == "missing"}
            raise CannotTrace(
                f"no BPF program could be attached: {'; '.join(sorted(reasons))[:300]}",
                hint="see `ktrace doctor --loader bcc`",
            )
        self._test_headers()
        return probes

    def read(self, timeout_s: float) -> list[RawEvent]:
        """Events of the buffer; waits for the first at most timeout_s."""
        assert self._wake
        self._wake.wait(timeout_s)
        # not only of the CPUs that woke it up: another one may have told of a death before
        lib().perf_buffer__consume(self._buffer)
        received, self._received = self._received, []
        return received

    def wake_on(self, fd: int) -> None:
        """read() returns early when something can be read from fd, too."""
        assert self._wake
        self._wake.add(fd)

    def walk(self) -> tuple[list[RawEvent], bool]:
        """A look at every task through /proc; False when it could not be made."""
        if self._built is None:
            return [], False
        try:
            return [("TASK_STATE", task_state(look, self._built.maps)) for look in walk()], True
        except OSError:
            return [], False

    def follow(self, marks: Mapping[int, int]) -> bool:
        raise NotImplementedError  # can_follow

    def walk_marked(self, mark: int) -> tuple[list[RawEvent], bool]:
        raise NotImplementedError  # can_follow

    def sample(self, tids: Iterable[int]) -> None:
        raise NotImplementedError  # can_follow

    def lost(self) -> dict[str, int]:
        """Events that did not reach the buffer since the start, by kind; only those above 0."""
        counts = {}
        for name, number in wire().kinds.items():
            value = ctypes.c_uint64()
            key = ctypes.c_uint32(number)
            if self._built and look_up(self._built.maps["lost"], key, value) and value.value:
                counts[name.lower()] = value.value
        return counts

    def oom_counts(self, seen: dict[tuple[int, int], int]) -> list[OomCounts]:
        """Retries of the page allocator; each call of out_of_memory() is an event."""
        return self._oom_maps.changed(seen) if self._oom_maps else []

    def forget_oom_counts(self, cgroup: int, call: int) -> None:
        """Make room for other domains."""
        if self._oom_maps:
            self._oom_maps.forget(cgroup, call)

    def squashfs_tables(self) -> None:
        return None

    def follow_modules(self) -> list[Probe]:
        """Attach to modules that were loaded (again), detach from unloaded ones. What changed."""
        changed = [m for m, known in self._modules.items() if module_instance(m) != known]
        probes = []
        for function in hooked(self._hot):
            if PURPOSES[function].module in changed:
                if function in self._links:
                    os.close(self._links.pop(function))
                probes.append(self._attach(function))
        return probes

    def close(self) -> None:
        for link in self._links.values():
            os.close(link)
        self._links.clear()
        if self._buffer:
            lib().perf_buffer__free(self._buffer)
            self._buffer = 0
        if self._built is not None:
            self._built.close()
            self._built = None
            self._oom_maps = None

    def _load(self, headers: Headers) -> None:
        self._origin = headers.origin
        programs = {program_of(name): "raw_tracepoint" for name in RAW_TRACEPOINTS}
        if os.path.exists(KPROBE_PMU):
            programs |= {program_of(name): "kprobe" for name in KPROBES}
        request = {
            "text": text(),
            "flags": definitions(headers.macros, self._knobs, self._functions),
            "programs": programs,
            "maps": _MAPS,
        }
        self._built = build(request, headers.kernel_source)
        self._oom_maps = OomMaps(wire().layouts, self._built.maps)
        self._facts = [
            ("headers", headers.origin),
            (
                "compiler",
                f"{self._built.seconds:.3f} s, {self._built.peak_kib / 1024:.1f} MiB at its peak, "
                "in a process that has ended: none of it stays",
            ),
        ]

    def _attach(self, function: str) -> Probe:
        assert self._built is not None
        if function == "task":
            why = "iter: bcc has no task iterator, /proc is sampled"
            return Probe(function, "proc", "attached", why)
        if function in RAW_TRACEPOINTS:
            return self._hook(function, "raw_tp")
        module = PURPOSES[function].module
        if module and not self._has_module(module):
            return Probe(function, "", "waiting", "its module is not loaded")
        if function not in KPROBES:
            return Probe(function, "", "missing", "bcc: ktrace has no program for it here")
        if not os.path.exists(KPROBE_PMU):
            return Probe(function, "", "missing", "kprobe: this kernel has no kprobes")
        return self._hook(function, "kprobe")

    def _has_module(self, module: str) -> bool:
        """It is loaded, or built in: then the kernel had one of its functions at the start."""
        self._modules[module] = module_instance(module)
        known = {name for name, purpose in PURPOSES.items() if purpose.module == module}
        return self._modules[module] is not None or bool(known & self._functions)

    def _hook(self, function: str, hook: str) -> Probe:
        assert self._built is not None
        program = program_of(function)
        if program not in self._built.programs:
            why = self._built.refused.get(program, "not compiled")
            return Probe(function, "", "missing", f"{hook}: cannot load: {why}")
        descriptor = self._built.programs[program]
        try:
            if hook == "kprobe":
                self._links[function] = kprobe.attach(descriptor, function)
            else:
                self._links[function] = raw_tracepoint.attach(descriptor, function)
        except OSError as error:
            return Probe(function, "", "missing", f"{hook}: cannot attach: {error.strerror}")
        return Probe(function, hook, "attached")

    def _test_headers(self) -> None:
        """What a program reads about this very process must be what /proc says: else the headers
        are not this kernel's. Raises CannotTrace."""
        if "signal_generate" not in self._links:
            return  # then its absence makes the run inconclusive
        from_walk = wire().enums["state_source"]["FROM_WALK"]
        me = os.getpid()
        os.kill(me, signal.SIGURG)  # ignored, but generated
        end = time.monotonic() + _SELF_TEST_S
        kept: list[RawEvent] = []
        seen = None
        while seen is None and time.monotonic() < end:
            for kind, event in self.read(0.1):
                if kind == "TASK_STATE" and event.source == from_walk:
                    seen = event
                else:
                    kept.append((kind, event))
        self._received[:0] = kept
        if seen is None or not agrees(seen, own_facts()):
            raise CannotTrace(
                f"the headers ({self._origin}) are not those of the running kernel: "
                "what bcc's programs read about ktrace itself is wrong",
                hint="install the headers of the running kernel, built from its configuration",
            )

    def _receive(self, _context: int, _cpu: int, data: int, size: int) -> None:
        event = wire().event(data, size)
        if event is not None:
            self._received.append(event)

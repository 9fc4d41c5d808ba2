"""A running kernel as a source of events."""

import os
import time
from collections.abc import Callable, Iterator, Sequence

from ktrace.events import (
    CacheState,
    Event,
    FatalSignal,
    Lost,
    OomVictim,
    ProbeChange,
    TaskState,
    Walk,
)
from ktrace.findings import Probe
from ktrace.kernel.gfp import GfpFlags
from ktrace.kernel.oom import CONSTRAINTS
from ktrace.kernel.page_checks import HOW, page_checks
from ktrace.kernel.symbols import Module, Symbols, loaded_modules
from ktrace.kernel.task_state import FROZEN, TaskStates
from ktrace.kernel.tracefs import tracepoint_format
from ktrace.kernel.unwind_file import unwinder
from ktrace.probes.catalog import PAGE_CHECKS
from ktrace.probes.choice import choose, make_loader
from ktrace.probes.loader import Loader, RawEvent
from ktrace.repeated_looks import LooksLeftOut
from ktrace.sources.live.cgroup_growth import CgroupGrowth
from ktrace.sources.live.decode.decoder import Decoder
from ktrace.sources.live.decode.pages import PageDecoder
from ktrace.sources.live.memory_watch import MemoryFiles, MemoryWatch
from ktrace.sources.live.module_watch import ModuleWatch
from ktrace.sources.live.oom_look import OomLook
from ktrace.sources.live.oom_watch import OomWatch
from ktrace.sources.live.squashfs_watch import AGAIN_S, SquashfsWatch
from ktrace.sources.live.watches import allocation_watch, wait_watch

SLOW_WALK_S = 10.0  # while nobody is known to be killed: 1.5 us per task and walk
FAST_WALK_S = 1.0  # while somebody is
LOSS_CHECK_S = 1.0
_WITH_STACK = ("BAD_PAGE", "TASK_RUNS", "TASK_STATE")
_DYING_S = 0.2


def now() -> float:
    """Seconds of CLOCK_BOOTTIME, as the events carry."""
    return round(time.clock_gettime(time.CLOCK_BOOTTIME), 6)


class LiveSource:
    """Attaches in the constructor; events come in the order of their times.

    Walks over all tasks are made at the start, stuck_after seconds after each kill, every second
    while a killed thread lives, and every ten seconds otherwise.
    """

    def __init__(
        self,
        stuck_after: float,
        loader_name: str = "auto",
        all_waits: bool = False,
        hot: Sequence[str] = (),
        min_order: int | None = None,
        breathe: Callable[[], None] = lambda: None,
    ) -> None:
        """all_waits: wait chains of every sleeper in D, not only while a killed one lives. hot: BPF
        objects beside those of every run. min_order: of what they take for a large allocation.
        breathe: called in the middle of looks, which may be long."""
        switch_format = tracepoint_format("sched", "sched_switch")
        knobs = {
            "stuck_after_ns": int(stuck_after * 1e9),
            "squashfs_again_ns": int(AGAIN_S * 1e9),
        }
        gfp = GfpFlags.from_format(tracepoint_format("kmem", "mm_page_alloc"))
        self._large = allocation_watch(hot, min_order, gfp)
        knobs |= self._large.knobs if self._large else {}
        self.choice = choose(loader_name)
        loader = make_loader(self.choice.name, knobs, hot, breathe)
        try:
            self.states = TaskStates.from_format(switch_format, loader.has_function(FROZEN))
            btf = loader.kernel_btf()
            constraints = loader.enum(CONSTRAINTS)
            word_bytes = btf.word_bytes() if btf else 8
            tables = unwinder(os.uname().release) if word_bytes == 4 else None
            self.unwinds = None if word_bytes == 8 else tables is not None  # None: no need to
            self._decoder = Decoder(
                self.states, gfp, constraints, PageDecoder.of_kernel(btf), word_bytes, tables
            )
            self.attaching_t = now()
            self.probes = loader.attach()
            self.attached_t = now()
            if self._large:
                self._large.begin(loader, self._decoder, self._name_anew)
            # all that is not needed to attach, and takes its time
            self._waits, self.why_no_waits = wait_watch(loader, self._decoder, all_waits, breathe)
            loader.forget_types()
            self.probes += _page_checks(self.probes)
        except BaseException:
            loader.close()
            if self._large:
                self._large.close()
            raise
        self.loader: Loader = loader
        self._growth = CgroupGrowth()
        self._breathe = breathe
        look = OomLook("/proc", self._growth, breathe)
        self._oom = OomWatch(loader, self._decoder.oom_activity, look)
        self._memory_files = MemoryFiles()
        self._memory = MemoryWatch(self._memory_files.look)
        self._squashfs = SquashfsWatch(
            loader.squashfs_tables, self._squashfs_state, lambda: self._memory.newest
        )
        self._stuck_after = stuck_after
        self._next_walk = now()
        self._next_loss_check = now() + LOSS_CHECK_S
        self._module_watch = ModuleWatch()
        if self._module_watch.fd is not None:
            loader.wake_on(self._module_watch.fd)
        self._dying = False  # at the last walk
        self._lost: dict[str, int] = {}
        self._looks = LooksLeftOut()
        self._modules = frozenset[Module]()

    def load_symbols(self) -> int:
        """Name addresses from now on; how many symbols the kernel shows."""
        self._modules = loaded_modules()
        symbols = Symbols.of_kernel()
        self._decoder.use_symbols(symbols)
        if self._waits:
            self._waits.prepare()
        return len(symbols)

    def wake_on(self, fd: int) -> None:
        """read() returns early when something can be read from fd, too."""
        self.loader.wake_on(fd)

    def read(self, timeout_s: float) -> Iterator[Event]:
        """What happened since the last call, each before a look; waits at most timeout_s."""
        due = min(self._next_walk, self._next_loss_check, self._module_watch.next_look)
        wait = min(timeout_s, due - now())
        found = self._decoded(self.loader.read(max(0.0, wait)))
        yield from found
        if now() >= self._next_walk:
            walked = self._walk()
            yield from walked
            found += walked
        yield from self._after(found)  # a walk may have passed the targets of kills before
        if second := now() >= self._next_loss_check:
            self._next_loss_check = now() + LOSS_CHECK_S
            found = self._decoded(self.loader.read(0))
            yield from found
            yield from self._after(found)
            yield from self._counted()
        if self._module_watch.due(now(), second):
            yield from self._module_changes()

    def _after(self, found: list[Event]) -> Iterator[Event]:
        """What is to be done for these."""
        self._look_after_kills(found)
        yield from self._memory.read(now(), found)

    def _counted(self) -> Iterator[Event]:
        """What the kernel counts."""
        yield from self._oom.read(now())
        for counts in self._squashfs.read(now()):
            if counts.has_waiters():
                self._next_walk = min(self._next_walk, now())  # who they are, and for whom
            yield counts
        yield from self._new_losses()
        self._growth.read(now())  # behind the look after a kill, which has freed memory
        yield from self._large.read(now()) if self._large else ()

    def finish(self) -> list[Event]:
        """What is still to come, with a last walk: then the verdict knows it all. Who was killed
        just now gets a moment to die, so that ordinary deaths leave no doubt."""
        last = self._decoded(self.loader.read(0)) + self._walk()
        until = now() + _DYING_S
        while self._dying and now() < until:
            last += self._decoded(self.loader.read(_DYING_S / 10)) + self._walk()
        last += [*self._memory.read(now(), last), *self._oom.read(now())]
        last += [*self._squashfs.read(now()), *self._new_losses()]
        return [*last, *(self._large.read(now(), last=True) if self._large else ())]

    def close(self) -> None:
        if self._waits:
            self._waits.close()
        self._memory_files.close()
        self._growth.close()
        self._module_watch.close()
        self._squashfs.close()
        if self._large:
            self._large.close()
        self.loader.close()

    def _squashfs_state(self, cache: int, name: str) -> CacheState | None:
        return self._waits.squashfs_state(cache, name) if self._waits else None

    def _walk(self) -> list[Event]:
        started = now()
        raw, complete = self.loader.walk()
        looks = self._named(raw)
        waits: list[Event] = []
        if self._waits:
            looks = self._waits.dying(zip(raw, looks, strict=True))
            waits = self._waits.look(zip(raw, looks, strict=True), now)
        ended = now()
        # whatever happened before the walk ended comes before it
        found = [*self._named(self.loader.read(0)), *looks, *waits]
        alive = any(
            isinstance(event, TaskState) and event.killed and event.state != "zombie"
            for event in found
        )
        self._dying = alive or any(isinstance(event, FatalSignal | OomVictim) for event in found)
        self._next_walk = now() + (FAST_WALK_S if alive else SLOW_WALK_S)
        walk = Walk(t=ended, started_t=started, complete=complete)
        in_order = sorted([*found, walk], key=lambda event: event.t)
        return self._looks.walked(in_order)  # of one moment, the walk is last

    def _look_after_kills(self, found: list[Event]) -> None:
        """Walk when those who were killed just now have had stuck_after seconds to die."""
        if any(isinstance(event, FatalSignal | OomVictim) for event in found):
            self._next_walk = min(self._next_walk, now() + self._stuck_after)

    def _decoded(self, raw: list[RawEvent]) -> list[Event]:
        return self._looks.passed(sorted(self._named(raw), key=lambda event: event.t))

    def _named(self, raw: list[RawEvent]) -> list[Event]:
        """As they came."""
        if any(kind in _WITH_STACK for kind, _ in raw):
            self._name_anew()
        events = []
        for item in raw:
            self._breathe()
            events.append(self._decoder.decode(item))
        return events

    def _name_anew(self) -> None:
        """A stack may name a module that ktrace does not know yet."""
        if loaded_modules() != self._modules:
            self.load_symbols()

    def _new_losses(self) -> list[Event]:
        counts = self.loader.lost()
        new = [name for name, count in counts.items() if count != self._lost.get(name)]
        self._lost = counts
        return [Lost(t=now(), what=name, count=counts[name]) for name in new]

    def _module_changes(self) -> Iterator[Event]:
        changes = self.loader.follow_modules()
        if any(probe.state == "attached" for probe in changes):
            self.load_symbols()
        for probe in changes:
            yield _change(probe)


def _page_checks(probes: list[Probe]) -> list[Probe]:
    """Where the kernel does not look at pages, it reports none: as if a probe was missing. Not
    asked, since it takes a while, where bad_page() has no probe anyway."""
    if not any(p.function == "bad_page" and p.state == "attached" for p in probes):
        return []
    checks = page_checks()
    if checks.on:
        return []
    lead = "not known: " if checks.on is None else ""
    return [Probe(PAGE_CHECKS, "", "missing", f"{lead}{checks.why}; {HOW}")]


def _change(probe: Probe) -> ProbeChange:
    return ProbeChange(
        t=now(), function=probe.function, hook=probe.hook, state=probe.state, why=probe.why
    )

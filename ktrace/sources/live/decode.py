"""The structs of bpf/events.h as typed events: bits, masks and addresses given their names."""

import ctypes
import mmap
from collections.abc import Callable
from typing import Any

from ktrace import events
from ktrace.kernel.gfp import GfpFlags
from ktrace.kernel.symbols import Symbols
from ktrace.kernel.task_state import TaskStates
from ktrace.kernel.wait_functions import function_of, is_scheduler, primitive_name
from ktrace.probes.loader import OomCounts, RawEvent
from ktrace.sources.live.decode_pages import PageDecoder

_KIB_PER_PAGE = mmap.PAGESIZE // 1024
_KILL_MARKS = {1: "pending", 2: "shared", 4: "group"}  # enum kill_mark
_STATE_SOURCES = ("walk", "switch", "sampled")  # enum state_source
_OOM_CALLS = ("out_of_memory", "reclaim_retry_zone", "compact_retry")  # enum oom_call
_REAP_STEPS = ("wake", "start", "finish", "skip")  # enum reap_step

# Frames of the tracer itself, with which a stack taken in sched_switch begins
_TRACER = ("bpf_trace_run", "__traceiter_", "__bpf_trace_")
_TRACER_DEPTH = 12

# mm/memory.c, mm/oom_kill.c: what a page fault goes through on every architecture
_FAULT = frozenset({"handle_mm_fault", "__handle_mm_fault", "pagefault_out_of_memory"})


class Decoder:
    """Decodes with the facts of the kernel that sent the events."""

    def __init__(
        self,
        states: TaskStates,
        gfp: GfpFlags,
        constraints: dict[str, int] | None,
        pages: PageDecoder,
    ) -> None:
        self._states = states
        self._gfp = gfp
        self._constraints = {number: name for name, number in (constraints or {}).items()}
        self._pages = pages
        self._symbols = Symbols(())
        self._stacks: dict[bytes, events.Stack] = {}
        self._decoders: dict[str, Callable[[Any], events.Event]] = {
            "OUT_OF_MEMORY": self._out_of_memory,
            "OOM_KILL": self._oom_kill,
            "OOM_VICTIM": self._oom_victim,
            "OOM_REAP": self._oom_reap,
            "FATAL_SIGNAL": self._fatal_signal,
            "TASK_EXIT": self._task_exit,
            "TASK_DEAD": self._task_dead,
            "TASK_STATE": self._task_state,
            "TASK_HUNG": self._task_hung,
            "BAD_PAGE": self._bad_page,
            "OOM_ADJUST": self._oom_adjust,
        }

    def use_symbols(self, symbols: Symbols) -> None:
        """Name addresses by these from now on: at the start, and after a module came."""
        self._symbols = symbols
        self._stacks.clear()

    def decode(self, raw: RawEvent) -> events.Event:
        kind, data = raw
        return self._decoders[kind](data)

    def _out_of_memory(self, raw: Any) -> events.OutOfMemory:
        return events.OutOfMemory(
            t=_seconds(raw.event.t),
            by=_task(raw.by),
            order=raw.order,
            gfp=self._gfp.names(raw.gfp_mask),
            gfp_mask=hex(raw.gfp_mask),
            memcg=_cgroup(raw.memcg) if raw.memcg_oom else None,
            cgroup_id=raw.cgroup_id,
        )

    def _oom_kill(self, raw: Any) -> events.OomKill:
        return events.OomKill(
            t=_seconds(raw.event.t),
            by=_task(raw.by),
            victim=_task(raw.victim),
            order=raw.order,
            gfp=self._gfp.names(raw.gfp_mask),
            gfp_mask=hex(raw.gfp_mask),
            constraint=self._constraint(raw),
            oom_score_adj=raw.oom_score_adj,
            points=raw.points,
            totalpages=raw.totalpages,
            uid=raw.uid,
            threads=raw.threads,
            total_vm_kib=raw.total_vm * _KIB_PER_PAGE,
            anon_rss_kib=_kib(raw.anon_rss),
            file_rss_kib=_kib(raw.file_rss),
            shmem_rss_kib=_kib(raw.shmem_rss),
            pgtables_kib=raw.pgtables // 1024,
            cgroup=_cgroup(raw.cgroup),
            domain_id=raw.domain_id,
        )

    def _oom_victim(self, raw: Any) -> events.OomVictim:
        return events.OomVictim(t=_seconds(raw.event.t), by=_task(raw.by), tid=raw.tid, pid=raw.pid)

    def _oom_reap(self, raw: Any) -> events.OomReap:
        return events.OomReap(
            t=_seconds(raw.event.t),
            step=_REAP_STEPS[raw.step],
            tid=raw.tid,
            rss_kib=None if raw.rss == -1 else _kib(raw.rss),
        )

    def _oom_adjust(self, raw: Any) -> events.OomAdjust:
        return events.OomAdjust(
            t=_seconds(raw.event.t),
            by=_task(raw.by),
            task=_task(raw.task),
            oom_score_adj=raw.oom_score_adj,
        )

    def oom_activity(self, t: float, counts: OomCounts) -> events.OomActivity:
        """The counts of a domain, with its callers busiest first."""
        domain = counts.domain
        stacks = [self._called_from(caller) for caller in counts.callers]
        killed, nobody, waits, other = domain.results  # enum oom_result
        return events.OomActivity(
            t=t,
            call=_OOM_CALLS[counts.call],
            memcg=_cgroup(domain.memcg) if domain.memcg_oom else None,
            first_t=_seconds(domain.first_t),
            last_t=_seconds(domain.last_t),
            calls=domain.calls,
            killed=killed,
            nobody=nobody,
            waits=waits,
            other=other,
            constraint=self._constraint(domain) if any(domain.results) else "",
            order=domain.order,
            gfp=self._gfp.names(domain.gfp_mask) if domain.gfp_mask else "",
            callers=tuple(
                events.OomCaller(
                    _task(caller.task),
                    caller.calls,
                    _seconds(caller.first_t),
                    _seconds(caller.last_t),
                    in_page_fault(stack),
                )
                for caller, stack in zip(counts.callers, stacks, strict=True)
            ),
            stack=stacks[0] if stacks else (),
            cgroup_id=counts.cgroup,
        )

    def _constraint(self, raw: Any) -> str:
        return self._constraints.get(raw.constraint, str(raw.constraint))

    def _called_from(self, raw: Any) -> events.Stack:
        """Who called the hooked function: without it, and what runs the probe."""
        names = self._stack(raw)
        for index, name in enumerate(names[:_TRACER_DEPTH]):
            if function_of(name) == "out_of_memory":
                return names[index + 1 :]
        return names

    def _fatal_signal(self, raw: Any) -> events.FatalSignal:
        return events.FatalSignal(
            t=_seconds(raw.event.t),
            by=_task(raw.by),
            target=_task(raw.target),
            signal=raw.signal,
            group=bool(raw.group),
            si_code=raw.si_code,
        )

    def _task_exit(self, raw: Any) -> events.TaskExit:
        return events.TaskExit(
            t=_seconds(raw.event.t),
            task=_task(raw.task),
            exit_code=raw.exit_code,
            mm_held=bool(raw.mm_held),
        )

    def _task_dead(self, raw: Any) -> events.TaskDead:
        return events.TaskDead(
            t=_seconds(raw.event.t), task=_task(raw.task), exit_code=raw.exit_code
        )

    def _task_state(self, raw: Any) -> events.TaskState:
        return events.TaskState(
            t=_seconds(raw.event.t),
            task=_task(raw.task),
            ppid=raw.ppid,
            source=_STATE_SOURCES[raw.source],
            start_t=_seconds(raw.start_t),
            asleep_t=_seconds(raw.asleep_t) if raw.asleep_t else None,
            switches=raw.switches,
            state=self._states.name(raw.state, raw.exit_state, raw.flags),
            state_flags=self._states.flags(raw.state),
            on_cpu=bool(raw.on_cpu),
            killed=tuple(name for bit, name in _KILL_MARKS.items() if raw.killed & bit),
            group_exit_code=raw.group_exit_code,
            oom_victim=bool(raw.oom_victim),
            stack=self._stack(raw),
            top=self._top(raw),
            squashfs=_squashfs_call(raw.squashfs),
        )

    def _task_hung(self, raw: Any) -> events.TaskHung:
        return events.TaskHung(t=_seconds(raw.event.t), task=_task(raw.task))

    def _bad_page(self, raw: Any) -> events.BadPage:
        return self._pages.decode(raw, _seconds(raw.event.t), _task(raw.by), self._stack(raw))

    def _top(self, raw: Any) -> events.Stack:
        """Return addresses of __sched functions between the stack pointer and the first frame.

        A scan: a word that an earlier call left behind may be among them.
        """
        frames = getattr(raw, "frames", None)
        if not (frames or raw.stack_len) or not raw.state:
            return ()
        names: list[str] = []
        for word in raw.top:
            name = self._symbols.return_address(word)
            if name == frames[0] if frames else word == raw.stack[0]:
                return tuple(names)
            function = function_of(name or "")
            if name and (is_scheduler(function) or primitive_name(function)):
                names.append(name)
        return ()  # the first frame is further away: this is not its stack

    def _stack(self, raw: Any) -> events.Stack:
        if hasattr(raw, "frames"):  # from /proc: already names
            return tuple(raw.frames)
        addresses = bytes(raw.stack)[: raw.stack_len * ctypes.sizeof(ctypes.c_uint64)]
        if addresses not in self._stacks:
            names = [self._symbols.name(address) for address in raw.stack[: raw.stack_len]]
            self._stacks[addresses] = tuple(_beneath_tracer(names))
        return self._stacks[addresses]


def _beneath_tracer(names: list[str]) -> list[str]:
    """Without the frames of BPF and tracepoint. The scheduler's own are not in the stack: the
    kernel leaves out whatever is in .sched.text (stack_trace_save_tsk(), kernel/stacktrace.c)."""
    for index in reversed(range(min(len(names), _TRACER_DEPTH))):
        if names[index].startswith(_TRACER):
            return names[index + 1 :]
    return names


def in_page_fault(stack: events.Stack) -> bool | None:
    """Does it come from a page fault? None where there is no stack."""
    return any(function_of(name) in _FAULT for name in stack) if stack else None


def _seconds(nanoseconds: int) -> float:
    return round(nanoseconds / 1e9, 6)


def _kib(pages: int) -> int:
    # a percpu counter read without its CPUs' shares may be a little below zero
    return max(0, pages) * _KIB_PER_PAGE


def _text(characters: Any) -> str:
    return bytes(characters).partition(b"\0")[0].decode(errors="backslashreplace")


def _task(raw: Any) -> events.Task:
    return events.Task(raw.pid, raw.tid, _text(raw.comm))


def _cgroup(characters: Any) -> str:
    """ "/system.slice/app" of "app\\0system.slice\\0\\0"."""
    components = bytes(characters).rstrip(b"\0").split(b"\0")
    return "/" + "/".join(
        component.decode(errors="backslashreplace") for component in reversed(components)
    ).lstrip("/")


def _squashfs_call(raw: Any) -> events.SquashfsCall | None:
    if not raw.t:
        return None
    return events.SquashfsCall(
        t=_seconds(raw.t),
        cache=hex(raw.cache),
        name=_text(raw.name),
        device=_text(raw.device),
        block=raw.block,
    )

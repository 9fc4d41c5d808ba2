"""Looks at threads as struct task_state: /proc's, with what the BPF programs saw added."""

import ctypes
import os
import time
from collections.abc import Mapping
from typing import Any

from ktrace.kernel.libbpf import lib
from ktrace.probes.proc_walk import Look
from ktrace.probes.wire import wire

_TICK_NS = 10**9 // os.sysconf("SC_CLK_TCK")
_UNINTERRUPTIBLE = 2  # as proc_walk gives D


def task_state(look: Look, maps: Mapping[str, int]) -> Any:
    """With the stack's names beside it, as /proc has no addresses. maps: descriptors by name; of
    killed_sleeps, which bcc's programs alone have, the state in which it fell asleep."""
    layout = wire().layouts["task_state"]
    tid = ctypes.c_int32(look.tid)
    state: Any = layout()
    state.event.t = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    state.event.kind = wire().kinds["TASK_STATE"]
    state.event.size = ctypes.sizeof(layout)
    state.task.pid, state.task.tid = look.pid, look.tid
    ctypes.memmove(state.task.comm, look.comm[:15], min(15, len(look.comm)))
    state.source = wire().enums["state_source"]["FROM_SAMPLED"]
    state.start_t = look.start_ticks * _TICK_NS
    for name in ("ppid", "switches", "state", "exit_state", "flags"):
        setattr(state, name, getattr(look, name))
    state.group_exit_code = look.group_exit_code
    state.killed = sum(wire().enums["kill_mark"][mark] for mark in look.killed)
    state.frames = look.frames
    look_up(maps["squashfs_calls"], tid, state.squashfs)
    if look.killed and not look.exit_state:
        _join_kill(state, tid, maps)
    return state


def _join_kill(state: Any, tid: ctypes.c_int32, maps: Mapping[str, int]) -> None:
    """What BPF saw of a killed thread, and its death to be reported."""
    last: Any = wire().layouts["last_switch"]()
    sleep: Any = wire().layouts["killed_sleep"]()
    if state.state == _UNINTERRUPTIBLE and look_up(maps["killed_switches"], tid, last):
        state.asleep_t = last.asleep_t
    sleeps = maps.get("killed_sleeps")
    if sleeps is not None and look_up(sleeps, tid, sleep) and sleep.switches == state.switches:
        if state.state == _UNINTERRUPTIBLE:
            state.state = sleep.state
        state.top = sleep.top
    one = ctypes.c_uint8(1)
    lib().bpf_map_update_elem(maps["watched"], ctypes.byref(tid), ctypes.byref(one), 0)


def look_up(descriptor: int, key: ctypes.c_int32 | ctypes.c_uint32, value: Any) -> bool:
    """Read an entry of a map into value; False where there is none."""
    found: int = lib().bpf_map_lookup_elem(descriptor, ctypes.byref(key), ctypes.byref(value))
    return found == 0


def own_facts() -> tuple[int, int, bytes, int]:
    """This process's pid, its parent's, comm, and birth in clock ticks, as /proc has them."""
    with open("/proc/self/stat", "rb") as file:
        head, _, tail = file.read().rpartition(b")")
    fields = tail.split()
    return os.getpid(), os.getppid(), head.partition(b"(")[2], int(fields[19])


def agrees(event: Any, facts: tuple[int, int, bytes, int]) -> bool:
    """Whether a TASK_STATE, read by means of the headers, is of the process of these facts."""
    comm = bytes(event.task.comm).partition(b"\0")[0]
    return (event.task.pid, event.ppid, comm, event.start_t // _TICK_NS) == facts

"""The walk over all tasks: by the kernel's iterator, or where it has none by bpf/walk.bpf.h."""

import ctypes
import os
from collections.abc import Mapping, Sequence
from typing import Any

from ktrace.kernel.capabilities import raised
from ktrace.kernel.libbpf import check, lib
from ktrace.probes.kernel_memory import TestRunOptions
from ktrace.probes.loader import RawEvent
from ktrace.probes.proc_looks import task_state
from ktrace.probes.proc_walk import PROC, stack_frames, walk
from ktrace.probes.wire import wire

_CHUNK = 1 << 16


def read_iterator(link: int) -> bytearray:
    """All that the iterator of this link writes. Raises LibbpfError, OSError."""
    iterator = check(lib().bpf_iter_create(link), "walk tasks")
    data = bytearray()
    try:
        while chunk := os.read(iterator, _CHUNK):
            data += chunk
    finally:
        os.close(iterator)
    return data


class TaskWalk:
    """Raises LibbpfError where the kernel does not run such programs."""

    def __init__(self, program: int, maps: Mapping[str, int]) -> None:
        """program: its descriptor; maps: descriptors by name. The caller keeps both open."""
        self._program = program
        self._places = maps["walk_places"]
        self._options = TestRunOptions(sz=ctypes.sizeof(TestRunOptions))
        self._zero = ctypes.c_uint32(0)
        itself = ctypes.c_uint32(program)
        self._set(maps["walk_rounds"], itself)

    def run(self) -> bool:
        """Events go into the ring. False: there are more tasks than it can visit."""
        place: Any = wire().layouts["walk_place"]()
        self._set(self._places, place)
        run = lib().bpf_prog_test_run_opts(self._program, ctypes.byref(self._options))
        check(run, "run the walk over all tasks")
        read = lib().bpf_map_lookup_elem(
            self._places, ctypes.byref(self._zero), ctypes.byref(place)
        )
        check(read, "read how far the walk came")
        return bool(place.done)

    def _set(self, table: int, value: Any) -> None:
        done = lib().bpf_map_update_elem(table, ctypes.byref(self._zero), ctypes.byref(value), 0)
        check(done, "prepare the walk over all tasks")


def looks_and_others(received: Sequence[RawEvent]) -> tuple[list[RawEvent], list[RawEvent]]:
    """What TaskWalk.run() put into the ring, and what the probes did."""
    from_walk = wire().enums["state_source"]["FROM_WALK"]
    looks: list[RawEvent] = []
    others: list[RawEvent] = []
    for kind, event in received:
        is_look = kind == "TASK_STATE" and event.source == from_walk
        (looks if is_look else others).append((kind, event))
    return looks, others


def looks_at_others(looks: Sequence[RawEvent], maps: Mapping[str, int]) -> list[RawEvent] | None:
    """Through /proc, at those that a walk did not come to, as it visits a bounded number of tasks;
    None where /proc is not mounted."""
    visited = {event.task.tid for _, event in looks}
    try:
        with raised():
            others = [look for look in walk() if look.tid not in visited]
    except OSError:
        return None
    return [("TASK_STATE", task_state(look, maps)) for look in others]


def add_stacks(looks: Sequence[RawEvent]) -> None:
    """From /proc, with names: raw tracepoint programs cannot read another task's stack. On 32-bit
    ARM with CONFIG_SMP it shows none (arch/arm/kernel/stacktrace.c), but in which function a task
    sleeps."""
    with raised():  # stacks of others are shown to CAP_SYS_ADMIN alone
        for _, event in looks:
            task = event.task
            event.frames = stack_frames(f"{PROC}/{task.pid}/task/{task.tid}")

"""Knobs of the BPF programs that follow from the kernel's own types and places."""

from ktrace.kernel.arm64_memory_map import memory_map_knobs
from ktrace.kernel.btf import Btf

_WITH_CALLER = 10  # arguments of percpu:percpu_alloc_percpu: include/trace/events/percpu.h


def probed_knobs(btf: Btf) -> dict[str, int]:
    """btf: of the running kernel."""
    switch = btf.tracepoint_arguments("sched_switch") or ()
    victim = btf.tracepoint_arguments("mark_victim") or ()
    percpu = btf.tracepoint_arguments("percpu_alloc_percpu") or ()
    queued = btf.tracepoint_arguments("block_bio_queue") or ()
    return {
        "sched_switch_has_prev_state": len(switch) > 3,
        "mark_victim_takes_task": victim[:1] == ("ptr",),
        "percpu_tells_caller": len(percpu) >= _WITH_CALLER,
        "bio_queue_has_queue": len(queued) > 1,
        **memory_map_knobs(),
    }

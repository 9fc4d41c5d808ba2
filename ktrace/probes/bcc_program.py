"""The text that bcc compiles: bpf/events.h, bpf/shared.h and the files of bpf/bcc, with what the
kernel tells."""

import os
import re
import time
from collections.abc import Iterable, Mapping
from importlib.resources import files

KALLSYMS = "/proc/kallsyms"
PARTS = ("common", "tasks", "oom_counts", "oom", "pages", "squashfs")

# macro -> the helper without which the programs do with less; each in mainline since:
_HELPERS = {
    "HAVE_KTIME_GET_BOOT_NS": "bpf_ktime_get_boot_ns",  # v5.8, 71d19214776e
    "HAVE_PROBE_READ_KERNEL": "bpf_probe_read_kernel",  # v5.5, 6ae08ae3dea2
    "HAVE_GET_STACK": "bpf_get_stack",  # v4.18, c195651e565a
}

RAW_TRACEPOINTS = (
    "signal_generate",
    "sched_process_exit",
    "sched_process_hang",
    "sched_switch",
    "mark_victim",
    "wake_reaper",
    "start_task_reaping",
    "finish_task_reaping",
    "skip_task_reaping",
    "reclaim_retry_zone",
    "compact_retry",
    "oom_score_adj_update",
)
KPROBES = ("out_of_memory", "oom_kill_process", "bad_page", "squashfs_cache_get")


def text() -> str:
    """One C source; each part begins with a #line, so that the compiler names the right file."""
    folder = files("ktrace") / "bpf"
    parts = ["bcc/kernel.c", "events.h", "shared.h", *(f"bcc/{part}.c" for part in PARTS)]
    sources = {name: folder.joinpath(*name.split("/")).read_text() for name in parts}
    sources["events.h"] = _renamed_kinds(sources["events.h"]) + sources["events.h"]
    return "\n".join(f'#line 1 "bpf/{name}"\n{source}' for name, source in sources.items())


def _renamed_kinds(events_h: str) -> str:
    """Macros that give enum event_kind other names: the kernel has OOM_KILL and TASK_DEAD, too."""
    kinds = re.search(r"enum event_kind \{(.*?)\};", events_h, re.DOTALL)
    names = re.findall(r"^\t(\w+),", kinds[1] if kinds else "", re.MULTILINE)
    return "".join(f"#undef {name}\n#define {name} KTRACE_{name}\n" for name in names)


def program_of(function: str) -> str:
    """The C function that is attached to a kernel function or tracepoint."""
    return f"kprobe_{function}" if function in KPROBES else f"on_{function}"


def definitions(macros: Iterable[str], knobs: Mapping[str, int], kernel: set[str]) -> list[str]:
    """-D options: of the headers, of the knobs (defaults as in bpf/tasks.bpf.c), and of the
    kernel's functions by name."""
    values = {
        "STUCK_AFTER_NS": f"{knobs.get('stuck_after_ns', 10**9)}ULL",
        "TASK_NOLOAD_BIT": hex(knobs.get("task_noload", 0x400)),
        "TICK_NS": f"{10**9 // os.sysconf('SC_CLK_TCK')}ULL",
        "KTRACE_PID": str(os.getpid()),
        "BOOT_OFFSET_NS": f"{boot_offset_ns()}ULL",
    }
    helpers = [macro for macro, helper in _HELPERS.items() if helper in kernel]
    return [f"-D{macro}" for macro in [*macros, *helpers]] + [
        f"-D{name}={value}" for name, value in values.items()
    ]


def boot_offset_ns() -> int:
    """How far CLOCK_BOOTTIME is ahead of CLOCK_MONOTONIC: the time spent suspended."""
    boot = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    return max(0, boot - time.clock_gettime_ns(time.CLOCK_MONOTONIC))


def kernel_functions(wanted: Iterable[str]) -> set[str]:
    """Those of `wanted` that the running kernel has, modules included. Names are shown even
    where addresses are not (kptr_restrict). Raises OSError."""
    names = {name.encode(): name for name in wanted}
    with open(KALLSYMS, "rb") as symbols:
        return {names[parts[2]] for line in symbols if (parts := line.split())[2] in names}


def wanted_functions() -> tuple[str, ...]:
    """What the loader asks kernel_functions() for."""
    return (*_HELPERS.values(), *KPROBES, "frozen")

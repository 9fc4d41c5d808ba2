"""What ktrace uses each capability for, what is lost without it, and which it keeps while tracing.

Whoever has CAP_BPF and CAP_PERFMON may trace, root or not. docs/privileges.md shows what was
measured without each of the others.
"""

import os
from collections.abc import Iterable

from ktrace.errors import CannotTrace
from ktrace.kernel.capabilities import Capability as C
from ktrace.kernel.capabilities import effective, last_known
from ktrace.record import record


@record
class Need:
    """Of one capability."""

    capability: C
    gives: str
    without: str  # what the user loses
    kept: bool = False  # also after all is attached
    aside: bool = False  # in force only for moments, and kept where admin_later() says so
    # what fails without it says so by itself, in a warning of the run
    tells: bool = False


NEEDS: tuple[Need, ...] = (
    Need(C.CAP_BPF, "BPF programs and their maps", "nothing can be traced", kept=True),
    Need(
        C.CAP_PERFMON,
        "programs that read the kernel's memory; kprobes",
        "nothing can be traced",
        kept=True,  # modules come later
    ),
    Need(
        C.CAP_SYS_ADMIN,
        "probes in modules; what programs cost; kprobes, and samples of running tasks, "
        "where perf_event_paranoid is 3",
        "no probe on squashfs_cache_get, perhaps none on bad_page",
        aside=True,  # modules come later, and somebody may ask for the costs
        tells=True,
    ),
    Need(
        C.CAP_SYSLOG,
        "names of kernel addresses; the kernel log of this boot",
        "stacks show numbers, no wait chains, bad pages from before the run are not known",
        kept=True,  # modules come later
        tells=True,
    ),
    Need(
        C.CAP_SYS_PTRACE,
        "which processes share an mm; /proc with hidepid",
        "which processes share an mm is not known",
        kept=True,
    ),
    Need(
        C.CAP_IPC_LOCK,
        "memory that no hanging disk can take away",
        "ktrace may hang with the machine",
        kept=True,  # with MCL_FUTURE every later mmap() needs it (mlock_future_ok(), mm/mmap.c)
        tells=True,
    ),
    Need(
        C.CAP_SYS_RESOURCE,
        "oom_score_adj -1000 for ktrace itself",
        "the OOM killer may kill ktrace",
        tells=True,
    ),
    Need(
        C.CAP_SYS_NICE,
        "real-time priority: ktrace waits for nobody, nor for memory",
        "ktrace may have to wait with the machine, for many seconds",
        kept=True,  # it comes back from ordinary priority: real_time.py
        tells=True,
    ),
    Need(
        C.CAP_DAC_READ_SEARCH,
        "tracefs: layout of task states, names of gfp flags",
        "gfp flags are numbers and the layout of task states is assumed",
        tells=True,
    ),
    Need(
        C.CAP_SYS_RAWIO,
        "/proc/kcore: does the kernel check pages?",
        "it may stay unknown whether the kernel checks pages",
        tells=True,
    ),
)
_MODULES = "/proc/modules"  # with CONFIG_MODULES
_MODULES_DISABLED = "/proc/sys/kernel/modules_disabled"  # 1 until the machine is restarted
_PARANOID = "/proc/sys/kernel/perf_event_paranoid"
_TRACING = (C.CAP_BPF, C.CAP_PERFMON)


def require_tracing() -> None:
    """Raises CannotTrace where this process may load no tracing programs."""
    held = effective()
    if C.CAP_SYS_ADMIN in held or held.issuperset(_TRACING):
        return
    raise CannotTrace(
        "tracing needs root, or the capabilities CAP_BPF and CAP_PERFMON"
        if last_known() >= C.CAP_BPF
        else "tracing needs root, or the capability CAP_SYS_ADMIN",
        hint="run it with sudo, or see docs/privileges.md",
    )


def has(held: Iterable[int], capability: C) -> bool:
    """CAP_SYS_ADMIN stands in for the two that were split off it: bpf_capable() and
    perfmon_capable(), include/linux/capability.h."""
    return capability in held or (capability in _TRACING and C.CAP_SYS_ADMIN in held)


def admin_later(asks: bool) -> list[str]:
    """What CAP_SYS_ADMIN may be needed for once all is attached, in words; empty: for nothing. The
    others that the kernel allows these for, CAP_BPF and CAP_PERFMON, do not do: see each.

    asks: somebody at a screen may ask what the programs cost.
    """
    uses = []
    if os.path.exists(_MODULES) and _number(_MODULES_DISABLED) != 1:
        # BPF_BTF_GET_FD_BY_ID, kernel/bpf/syscall.c
        uses.append("probes in modules that are loaded later")
    if _number(_PARANOID) not in (-1, 0, 1, 2):  # 3: Debian's
        uses.append("samples of running tasks")
    if asks:
        uses.append("what programs cost, on a screen")  # bpf_enable_stats(), kernel/bpf/syscall.c
    return uses


def _number(path: str) -> int | None:
    try:
        with open(path) as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def missing(held: Iterable[int]) -> list[str]:
    """What is lost for want of a capability; of one that tells so by itself, nothing."""
    return [
        f"without {need.capability.name}: {need.without}"
        for need in NEEDS
        if not need.tells and not has(held, need.capability)
    ]


def why_hidden() -> str:
    """Why the kernel shows no addresses: kallsyms_show_value(), kernel/ksyms_common.c."""
    return "kptr_restrict" if C.CAP_SYSLOG in effective() else "it takes CAP_SYSLOG"

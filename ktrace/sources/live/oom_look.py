"""A look at a domain that keeps running out of memory: its processes and its memory, in numbers.

Only files are read that do not take the mmap_lock of the tasks, which one that hangs may hold:
/proc/PID/status and stat, the cgroup's own files, /proc/meminfo. kcmp(2) takes exec_update_lock,
which an execve() holds for a moment only (kernel/kcmp.c, fs/exec.c).
"""

import ctypes
import functools
import os
import re
from collections.abc import Callable, Iterator

from ktrace.events import DomainTask, MemoryCount, OomDomain, Task
from ktrace.kernel.oom import OOM_SCORE_ADJ_MIN
from ktrace.record import record
from ktrace.sources.live.cgroup_growth import CgroupGrowth
from ktrace.sources.live.meminfo import kib_by_name
from ktrace.sources.live.memory_cgroups import (
    is_cgroup,
    limit_and_usage,
    memory_folder,
    memory_stat,
    text_of,
)

_TASKS = 40  # that are told of in one look
_MOST_PROCESSES = 4000
_MOST_GROUPS = 1000
# of /proc/PID/status, whose first line has the name: it holds no newline, but anything else
_FIELDS = re.compile(
    "^(Name|State|PPid|VmPeak|VmLib|VmSize|VmLck|VmRSS|RssAnon|RssFile|RssShmem|VmSwap|Threads):"
    r"[ \t]*([^\n]*)",
    re.MULTILINE,
)
_KCMP = {"x86_64": 312, "aarch64": 272, "riscv64": 272}  # the system call's number
_KCMP_VM = 1  # include/uapi/linux/kcmp.h

_MEMINFO = tuple(
    "MemFree MemAvailable AnonPages Shmem Mlocked Unevictable SUnreclaim KernelStack PageTables "
    "Percpu SwapFree".split()
)


@record
class Status:
    """What /proc/PID/status says of a process. Sizes are KiB."""

    pid: int
    comm: str
    fields: dict[str, str]
    number_read: int  # how many were read before it, in this look

    def number(self, name: str) -> int:
        words = self.fields.get(name, "").split()
        return int(words[0]) if words and words[0].lstrip("-").isdigit() else 0

    @property
    def task(self) -> Task:
        return Task(self.pid, self.pid, self.comm)


class OomLook:
    """Looks at domains; proc can be another for tests. growth: of cgroups, until the look."""

    def __init__(
        self,
        proc: str = "/proc",
        growth: CgroupGrowth | None = None,
        breathe: Callable[[], None] = lambda: None,
    ) -> None:
        """breathe: called in the middle of a look."""
        self._proc = proc
        self._growth = growth
        self._breathe = breathe
        # in this look
        self._known: dict[int, Status | None] = {}
        self._same: dict[tuple[int, int], bool | None] = {}

    def look(self, t: float, memcg: str | None, cgroup_id: int | None = None) -> OomDomain:
        """The domain at time t: a memory cgroup by its path, or None for the machine.

        cgroup_id: its kernfs id; a cgroup that has the same path now is not looked at.
        """
        self._known.clear()
        self._same.clear()
        folder = memory_folder(memcg, self._read("self/mountinfo")) if memcg is not None else None
        if folder and cgroup_id is not None and not is_cgroup(folder, cgroup_id):
            folder = None
        pids = self._pids_of(folder) if memcg is not None else self._all_pids()
        found = [status for pid in pids if (status := self.status(pid))]
        told = sorted(found, key=_importance)[:_TASKS]
        limit, usage = limit_and_usage(folder)
        if memcg is None:
            found_kib = kib_by_name(self._read("meminfo"), ("MemTotal", *_MEMINFO))
            limit = found_kib.pop("MemTotal", None)
            memory = tuple(MemoryCount(name, kib) for name, kib in found_kib.items())
            usage = None
        else:
            memory = memory_stat(folder)
        grown = self._growth.grown(folder) if self._growth and folder else None
        return OomDomain(
            t=t,
            memcg=memcg,
            processes=len(found),
            limit_kib=limit,
            usage_kib=usage,
            memory=memory,
            tasks=tuple(self._describe(status, found) for status in told),
            cgroup_id=cgroup_id,
            grown_kib=grown.kib if grown else None,
            grown_over_s=grown.over_s if grown else None,
        )

    def status(self, pid: int) -> Status | None:
        """None when the process is gone, and of kernel threads, which have no memory."""
        if pid not in self._known:
            self._known[pid] = self._status(pid)
        return self._known[pid]

    def _status(self, pid: int) -> Status | None:
        self._breathe()
        text = self._read(f"{pid}/status")
        if "\nVmSize:" not in text:
            return None
        fields: dict[str, str] = dict(_FIELDS.findall(text))
        fields["oom_score_adj"] = self._read(f"{pid}/oom_score_adj").strip()
        return Status(pid, _unescaped(fields.get("Name", "?")), fields, len(self._known))

    def _describe(self, status: Status, others: list[Status]) -> DomainTask:
        self._breathe()
        protected = status.number("oom_score_adj") == OOM_SCORE_ADJ_MIN
        return DomainTask(
            pid=status.pid,
            comm=status.comm,
            ppid=status.number("PPid"),
            state=status.fields.get("State", "?")[:1],
            threads=status.number("Threads"),
            oom_score_adj=status.number("oom_score_adj"),
            anon_rss_kib=status.number("RssAnon"),
            file_rss_kib=status.number("RssFile"),
            shmem_rss_kib=status.number("RssShmem"),
            locked_kib=status.number("VmLck"),
            swap_kib=status.number("VmSwap"),
            cpu_s=cpu_seconds(self._read(f"{status.pid}/stat")),
            sharers=self._sharers(status, others),
            protected_by=tuple(self._protected_ancestors(status)) if protected else (),
        )

    def _sharers(self, status: Status, others: list[Status]) -> tuple[int, ...] | None:
        """Processes with the same mm, in the domain, and its parent (which vfork() leaves with it).

        Who shares an mm has the same size, but for what it grows between two reads: kcmp() is
        asked about those.
        """
        near = [other for other in others if _may_share(status, other)]
        parent = status.number("PPid")
        if parent not in {other.pid for other in near}:
            found = self.status(parent)
            near += [found] if found and _may_share(status, found) else []
        answers = {other.pid: self._same_mm(status.pid, other.pid) for other in near}
        answers.pop(status.pid, None)
        if None in answers.values():
            return None
        return tuple(sorted(pid for pid, same in answers.items() if same))

    def _same_mm(self, pid: int, other: int) -> bool | None:
        """Of each two asked once: forty processes of one program make many pairs."""
        pair = (min(pid, other), max(pid, other))
        if pair not in self._same:
            self._same[pair] = same_mm(*pair)
        return self._same[pair]

    def _protected_ancestors(self, status: Status) -> Iterator[Task]:
        """Up while oom_score_adj is -1000: fork() hands it on (copy_signal(), kernel/fork.c)."""
        seen = {status.pid}
        while (pid := status.number("PPid")) > 0 and pid not in seen:
            seen.add(pid)
            parent = self.status(pid)
            if parent is None or parent.number("oom_score_adj") != OOM_SCORE_ADJ_MIN:
                return
            yield parent.task
            status = parent

    def _pids_of(self, folder: str | None) -> list[int]:
        pids: list[int] = []
        for group in _groups(folder) if folder else ():
            pids += [int(word) for word in text_of(os.path.join(group, "cgroup.procs")).split()]
        return sorted(set(pids))[:_MOST_PROCESSES]

    def _all_pids(self) -> list[int]:
        try:
            names = os.listdir(self._proc)
        except OSError:
            return []
        return sorted(int(name) for name in names if name.isdigit())[:_MOST_PROCESSES]

    def _read(self, name: str) -> str:
        return text_of(os.path.join(self._proc, name))


def _importance(status: Status) -> tuple[bool, int]:
    return status.number("oom_score_adj") != OOM_SCORE_ADJ_MIN, -status.number("VmRSS")


def _may_share(status: Status, other: Status) -> bool:
    """One mm? Its peak only grows, and so is not less in the read that came later."""
    earlier, later = sorted((status, other), key=lambda one: one.number_read)
    libraries = [one.fields.get("VmLib") for one in (earlier, later)]
    return libraries[0] == libraries[1] and 0 < earlier.number("VmPeak") <= later.number("VmPeak")


def same_mm(pid: int, other: int) -> bool | None:
    """Do both use one address space? None: this kernel or machine cannot tell (kcmp(2))."""
    libc, number = _kcmp()
    if number is None:
        return None
    if pid == other:
        return True
    answer = libc.syscall(number, pid, other, _KCMP_VM, 0, 0)
    if answer < 0:
        gone = ctypes.get_errno() == 3  # ESRCH
        return False if gone else None
    return bool(answer == 0)


@functools.cache
def _kcmp() -> tuple[ctypes.CDLL, int | None]:
    """The C library, and the number of the system call on this machine."""
    return ctypes.CDLL(None, use_errno=True), _KCMP.get(os.uname().machine)


def cpu_seconds(stat: str) -> float | None:
    """User and system time of /proc/PID/stat, which has the comm, whatever it is, in brackets."""
    words = stat.rpartition(")")[2].split()
    if len(words) < 13:
        return None
    return round((int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK"), 2)


def _groups(folder: str) -> Iterator[str]:
    """The folder and all below it."""
    for count, (path, _, _) in enumerate(os.walk(folder)):
        if count >= _MOST_GROUPS:
            return
        yield path


def _unescaped(name: str) -> str:
    """proc_task_name() escapes newline and backslash (fs/proc/array.c)."""
    return name.replace("\\n", "\n").replace("\\\\", "\\")

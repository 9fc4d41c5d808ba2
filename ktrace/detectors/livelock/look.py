"""What a look at a domain's processes and memory means."""

from collections import Counter
from collections.abc import Iterable, Sequence

from ktrace.events import DomainTask, OomActivity, OomAdjust, OomDomain
from ktrace.findings import MemoryChange, MmSharer, ProtectedTask, Setter
from ktrace.kernel.oom import OOM_SCORE_ADJ_MIN

_LARGE = 0.25  # of the domain's memory: a share that explains why kills do not help
_FULL = 0.9
_RESPAWNED = 3  # kills of the same name
_KEPT = 500
# counters of memory.stat and of /proc/meminfo
_SHMEM = ("shmem", "Shmem")
_LOCKED = ("unevictable", "Mlocked")
_KERNEL: tuple[tuple[str, ...], ...] = (
    ("kernel",),
    ("slab_unreclaimable", "sock", "percpu", "pagetables", "kernel_stack"),
    ("SUnreclaim", "KernelStack", "PageTables", "Percpu"),
)


def protected(tasks: Iterable[DomainTask]) -> list[DomainTask]:
    """Those that the OOM killer never chooses."""
    return [task for task in tasks if task.oom_score_adj == OOM_SCORE_ADJ_MIN]


def none_may_be_killed(looks: Sequence[OomDomain]) -> bool:
    """Were all tasks of the newest look protected?"""
    tasks = looks[-1].tasks if looks else ()
    return bool(tasks) and len(protected(tasks)) == looks[-1].processes


class Protectors:
    """Who wrote -1000 to whom, as far as it was seen."""

    def __init__(self) -> None:
        self._setters: dict[int, Setter] = {}  # by pid of the protected

    def note(self, event: OomAdjust) -> None:
        self._setters.pop(event.task.pid, None)
        if event.oom_score_adj == OOM_SCORE_ADJ_MIN:
            self._setters[event.task.pid] = Setter(
                event.by.pid, event.by.comm, event.t, event.task.pid
            )
            if len(self._setters) > _KEPT:
                del self._setters[next(iter(self._setters))]

    def describe(self, tasks: Sequence[DomainTask]) -> tuple[ProtectedTask, ...]:
        """The protected among tasks, and where their protection comes from."""
        known = {task.pid: task for task in tasks}
        return tuple(self._describe(task, known) for task in protected(tasks))

    def _describe(self, task: DomainTask, known: dict[int, DomainTask]) -> ProtectedTask:
        own = self._setter(task)
        # its own value was written: then it does not matter what it had inherited
        eldest = task.protected_by[-1] if task.protected_by and own is None else None
        return ProtectedTask(
            pid=task.pid,
            comm=task.comm,
            oom_score_adj=task.oom_score_adj,
            threads=task.threads,
            rss_kib=task.anon_rss_kib + task.file_rss_kib + task.shmem_rss_kib,
            inherited_from=eldest,
            set_by=self._setters.get(eldest.pid) if eldest else own,
            shares_mm_with=_sharers(task, known),
        )

    def _setter(self, task: DomainTask) -> Setter | None:
        """Of its own value, or of that of who shares its mm, which the kernel gave to it too."""
        written = (self._setters.get(pid) for pid in (task.pid, *(task.sharers or ())))
        return next((setter for setter in written if setter), None)


def _sharers(task: DomainTask, known: dict[int, DomainTask]) -> tuple[MmSharer, ...] | None:
    if task.sharers is None:
        return None
    found = ((pid, known.get(pid)) for pid in task.sharers)
    return tuple(
        MmSharer(pid, t.comm, t.oom_score_adj, t.threads) if t else MmSharer(pid, None, None, None)
        for pid, t in found
    )


def still_full(look: OomDomain) -> bool:
    """The limit is as near as ever; where no number says, it is believed."""
    if look.limit_kib is None:
        return True
    if look.usage_kib is not None:
        return look.usage_kib >= _FULL * look.limit_kib
    available = _number(look, ("MemAvailable",))
    return available is None or available <= (1 - _FULL) * look.limit_kib


def causes(look: OomDomain | None, victims: Sequence[str]) -> tuple[str, ...]:
    """Why kills gain nothing: what comes back, and what no kill frees. victims: comms."""
    found = []
    names = Counter(victims)
    if names and names.most_common(1)[0][1] >= _RESPAWNED:
        found.append("respawn")
    if look is None or not look.limit_kib:
        return tuple(found)
    shares = {
        "shmem": _number(look, _SHMEM),
        "locked": _number(look, _LOCKED),
        "kernel": _kernel_memory(look),
        "protected": sum(t.anon_rss_kib + t.shmem_rss_kib for t in protected(look.tasks)),
    }
    found += [name for name, kib in shares.items() if kib and kib >= _LARGE * look.limit_kib]
    return tuple(found)


def changes(looks: Sequence[OomDomain]) -> tuple[MemoryChange, ...]:
    """The domain's counters, from the first look to the newest."""
    if not looks:
        return ()
    first = {count.name: count.kib for count in looks[0].memory}
    return tuple(
        MemoryChange(count.name, first[count.name], count.kib)
        for count in looks[-1].memory
        if count.name in first
    )


def cpus(looks: Sequence[OomDomain], activity: OomActivity | None) -> float | None:
    """CPU time that the callers took between the last two looks, per second."""
    if len(looks) < 2 or activity is None:
        return None
    callers = {caller.task.pid for caller in activity.callers}
    old, new = ({t.pid: t.cpu_s for t in look.tasks} for look in looks[-2:])
    spent = [
        taken - before
        for pid in callers
        if (taken := new.get(pid)) is not None and (before := old.get(pid)) is not None
    ]
    elapsed = looks[-1].t - looks[-2].t
    return round(sum(spent) / elapsed, 2) if spent and elapsed > 0 else None


def _number(look: OomDomain, names: Iterable[str]) -> int | None:
    counts = {count.name: count.kib for count in look.memory}
    return next((counts[name] for name in names if name in counts), None)


def _kernel_memory(look: OomDomain) -> int | None:
    """memory.stat has one number for it since v5.18; else its parts."""
    counts = {count.name: count.kib for count in look.memory}
    for names in _KERNEL:
        if names[0] in counts:
            return sum(counts.get(name, 0) for name in names)
    return None

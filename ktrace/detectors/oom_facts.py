"""What is known of the memory that was short when the OOM killer came: live, or from its report."""

from ktrace.detectors.kills import Kill
from ktrace.events import MemoryCount, OomDomain, OomMemory, OomReport, Zone
from ktrace.record import record

# Which zones a request may take, the preferred first: gfp_zone() of include/linux/gfp.h
_BY_FLAG = (
    ("GFP_DMA32", ("DMA32", "DMA")),
    ("GFP_DMA", ("DMA",)),
    ("HIGHUSER_MOVABLE", ("Movable", "HighMem", "Normal", "DMA32", "DMA")),
    ("HIGH", ("HighMem", "Normal", "DMA32", "DMA")),
)
_ANY = ("Normal", "DMA32", "DMA")
# One meaning, by its names in /proc/meminfo, memory.stat of v2 and v1, and the kernel's report
_NAMES = {
    "anon": ("AnonPages", "anon", "rss"),
    "shmem": ("Shmem", "shmem"),
    "locked": ("Mlocked", "unevictable", "mlocked"),
    "slab": ("SUnreclaim", "slab_unreclaimable"),
    "stacks": ("KernelStack", "kernel_stack"),
    "page_tables": ("PageTables", "pagetables"),
    "percpu": ("Percpu", "percpu"),
    "swap_total": ("SwapTotal", "swap total"),
    "swap_free": ("SwapFree", "swap free"),
}
_NO_KILL_FREES = {"shmem", "slab", "percpu"}
KERNEL = ("slab", "stacks", "page_tables", "percpu")


@record
class Process:
    """One that had memory. kib: resident."""

    pid: int
    comm: str
    kib: int
    oom_score_adj: int


@record
class OomFacts:
    """Sizes are KiB. None: not known."""

    order: int | None
    manual: bool  # SysRq-f
    memcg: str | None  # path of the memory cgroup at its limit; None: the machine
    limit: int | None  # of the memory cgroup
    total: int | None  # of the machine, or the limit
    zone: Zone | None  # the first that the request may take
    parts: dict[str, int]  # by the keys of _NAMES, and "file"
    victim: Process | None
    others: tuple[Process, ...]  # the largest that were left, largest first
    over_s: float = 0.0  # what follows was measured for so long
    anon_grown: int | None = None
    refaulted: int | None = None  # file pages that were read again soon after they were dropped
    scanned: int | None = None  # pages
    reclaimed: int | None = None  # pages
    stalled: float | None = None  # share of the time in which all tasks waited for memory

    @property
    def kernel(self) -> int | None:
        """What the kernel has itself, and no kill frees."""
        known = [self.parts[name] for name in KERNEL if name in self.parts]
        return sum(known) if known else None


def facts_of_kill(kill: Kill) -> OomFacts | None:
    """None where nobody looked: an old trace, or a kill whose choice was not seen."""
    memory, domain, choice = kill.memory, kill.domain, kill.choice
    inside = choice is not None and "MEMCG" in choice.constraint
    if choice is None or (domain if inside else memory) is None:
        return None
    memcg = domain.memcg if domain else None
    size = choice.anon_rss_kib + choice.file_rss_kib + choice.shmem_rss_kib
    victim = Process(choice.victim.pid, choice.victim.comm, size, choice.oom_score_adj)
    counts = domain.memory if inside and domain else memory.memory if memory else ()
    parts = _parts(counts)
    if not inside and memory:
        left = _parts(memory.left)  # it may have grown since the last look
        parts |= {
            name: max(left[name], parts.get(name, 0)) for name in _NO_KILL_FREES & left.keys()
        }
    limit = domain.limit_kib if inside and domain else None
    return OomFacts(
        order=choice.order,
        manual=choice.order == -1,
        memcg=memcg if inside else None,
        limit=limit,
        total=limit if inside else {count.name: count.kib for count in counts}.get("MemTotal"),
        zone=None if inside or not memory else asked_zone(choice.gfp, memory.zones),
        parts=parts,
        victim=victim,
        others=_largest(domain, victim.pid),
        **_growth(domain if inside else None, memory),  # type: ignore[arg-type]
    )


def facts_of_report(report: OomReport) -> OomFacts:
    """What a kernel log tells."""
    known = {count.name: count.kib for count in report.memory}
    names = {name.partition(" ")[0] for name in known if name.endswith(" min")}
    found = tuple(_zone(name, known) for name in names)
    managed = [kib for name, kib in known.items() if name.endswith(" managed")]
    limit = known.get("memory limit")
    victim = None
    if report.victim:
        size = sum(
            kib or 0 for kib in (report.anon_rss_kib, report.file_rss_kib, report.shmem_rss_kib)
        )
        victim = Process(report.victim.pid, report.victim.comm, size, report.oom_score_adj or 0)
    return OomFacts(
        order=report.order,
        manual=report.manual,
        memcg=report.memcg,
        limit=limit if report.memcg else None,
        total=limit if report.memcg else sum(managed) or None,
        zone=None if report.memcg else asked_zone(report.gfp or "", found),
        parts=_parts(report.memory),
        victim=victim,
        others=(),
    )


def asked_zone(gfp: str, zones: tuple[Zone, ...]) -> Zone | None:
    """Of several nodes, the fullest one's."""
    order = next((names for flag, names in _BY_FLAG if flag in gfp), _ANY)
    for name in order:
        same = [zone for zone in zones if zone.name == name]
        if same:
            return min(same, key=lambda zone: zone.free_kib - zone.min_kib)
    return None


def _parts(counts: tuple[MemoryCount, ...]) -> dict[str, int]:
    known = {count.name: count.kib for count in counts}
    parts = {
        part: next(known[name] for name in names if name in known)
        for part, names in _NAMES.items()
        if any(name in known for name in names)
    }
    lists = [known[name] for name in ("Active(file)", "Inactive(file)") if name in known]
    if lists or "file" in known:
        parts["file"] = sum(lists) if lists else known["file"]
    return parts


def _growth(cgroup: OomDomain | None, memory: OomMemory | None) -> dict[str, float | int | None]:
    """Of the cgroup that was short, else of the machine."""
    if cgroup is None:
        return _changes(memory) if memory else {}
    if cgroup.grown_over_s is None:
        return {}
    return {"over_s": cgroup.grown_over_s, "anon_grown": cgroup.grown_kib}


def _changes(memory: OomMemory) -> dict[str, float | int | None]:
    grown = {count.name: count.kib for count in memory.grown}
    counted = {count.name: count.number for count in memory.counted}
    refaults = counted.get("workingset_refault_file", counted.get("workingset_refault"))
    over = memory.over_s
    return {
        "over_s": over,
        "anon_grown": grown.get("AnonPages"),
        "refaulted": None if refaults is None else refaults * memory.page_kib,
        "scanned": _sum(counted, "pgscan_kswapd", "pgscan_direct"),
        "reclaimed": _sum(counted, "pgsteal_kswapd", "pgsteal_direct"),
        "stalled": memory.stalled.full_s / over if memory.stalled and over else None,
    }


def _sum(counted: dict[str, int], *names: str) -> int | None:
    known = [counted[name] for name in names if name in counted]
    return sum(known) if known else None


def _largest(domain: OomDomain | None, victim: int) -> tuple[Process, ...]:
    tasks = domain.tasks if domain else ()
    found = [
        Process(
            task.pid,
            task.comm,
            task.anon_rss_kib + task.file_rss_kib + task.shmem_rss_kib,
            task.oom_score_adj,
        )
        for task in tasks
        if task.pid != victim
    ]
    return tuple(sorted(found, key=lambda one: -one.kib)[:5])


def _zone(name: str, known: dict[str, int]) -> Zone:
    sizes = [known.get(f"{name} {what}", 0) for what in ("free", "min", "low", "high", "managed")]
    return Zone(name, 0, *sizes)

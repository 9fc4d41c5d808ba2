"""Why the OOM killer came, as far as the numbers say."""

from ktrace.detectors.oom_facts import OomFacts

# Causes
ASKED = "asked"  # SysRq-f
LIMIT = "limit"  # a memory cgroup's
FRAGMENTATION = "fragmentation"  # enough is free, but no block of that order
KERNEL_MEMORY = "kernel memory"
SHARED_MEMORY = "shared memory"  # tmpfs, shmem: no process has it alone
LOCKED_MEMORY = "locked memory"
THRASH = "thrash"  # what reclaim throws out is read again at once
GROWTH = "growth"  # of anonymous memory: a leak, or a program that wants more than there is
ANONYMOUS = "anonymous memory"  # much, and it does not grow
UNKNOWN = ""

_MOST = 0.5  # of all memory: a share that explains why it was short
_GROWN = 0.1  # of all memory, within the time that was looked at
_FRAGMENTS = 2  # times the minimum: so much free memory is no shortage


def cause_of(facts: OomFacts) -> str:
    """One of the causes above; UNKNOWN where no number stands out."""
    if facts.manual:
        return ASKED
    if facts.memcg is not None:
        return LIMIT
    zone = facts.zone
    if facts.order and zone and zone.free_kib > _FRAGMENTS * max(zone.min_kib, 1):
        return FRAGMENTATION
    return _of_shares(facts) if facts.total else UNKNOWN


def _of_shares(facts: OomFacts) -> str:
    """What has most of the memory. Anonymous memory is last: it is what is left for processes."""
    total = facts.total or 0
    if (facts.kernel or 0) >= _MOST * total:
        return KERNEL_MEMORY
    if facts.parts.get("shmem", 0) >= _MOST * total:
        return SHARED_MEMORY
    if facts.parts.get("locked", 0) >= _MOST * total:
        return LOCKED_MEMORY
    if thrashes(facts):
        return THRASH
    if grows(facts):
        return GROWTH
    if facts.parts.get("anon", 0) >= _MOST * total:
        return ANONYMOUS
    return UNKNOWN


def grows(facts: OomFacts) -> bool:
    """Did anonymous memory grow by more than a little, of the machine or the cgroup?"""
    return bool(facts.total) and (facts.anon_grown or 0) >= _GROWN * (facts.total or 0)


def thrashes(facts: OomFacts) -> bool:
    """Was more read again than there are file pages in memory, within the time looked at?"""
    file = facts.parts.get("file")
    return facts.refaulted is not None and file is not None and facts.refaulted > max(file, 1024)

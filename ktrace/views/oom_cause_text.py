"""Why the OOM killer came and why it chose this one, in sentences."""

from ktrace.detectors import oom_cause
from ktrace.detectors.kills import Kill
from ktrace.detectors.oom_cause import cause_of, grows
from ktrace.detectors.oom_facts import OomFacts, Process, facts_of_kill
from ktrace.events import OomReport
from ktrace.views import words
from ktrace.views.safe_text import safe

_PARTS = (
    ("anon", "anonymous"),
    ("file", "file"),
    ("shmem", "shared"),
    ("slab", "unreclaimable slab"),
    ("page_tables", "page tables"),
    ("stacks", "kernel stacks"),
    ("percpu", "per-CPU"),
    ("locked", "locked"),
)


def why_lines(kill: Kill) -> list[str]:
    """The cause, the memory, and why the victim was first; one line where nobody looked."""
    facts = facts_of_kill(kill)
    if facts is None:
        return []
    label = "memory" if facts.memcg is None else "left in the cgroup"  # looked at after the kill
    lines = [f"why: {sentence(facts)}", f"{label}: {state(facts)}", f"chosen: {chosen(facts)}"]
    return [line for line in lines if not line.endswith(": ")]


def sentence(facts: OomFacts) -> str:
    """The cause, with its numbers, or that it is not known."""
    cause = cause_of(facts)
    parts, total = facts.parts, facts.total or 0
    match cause:
        case oom_cause.ASKED:
            return "SysRq-f asked for it"
        case oom_cause.LIMIT:
            return _limit(facts)
        case oom_cause.FRAGMENTATION if facts.zone:
            return (
                f"fragmentation: no free block of order {facts.order}, though {facts.zone.name} "
                f"has {_size(facts.zone.free_kib)} free (minimum {_size(facts.zone.min_kib)})"
            )
        case oom_cause.KERNEL_MEMORY:
            return f"the kernel itself has {_size(facts.kernel or 0)} of {_size(total)}"
        case oom_cause.SHARED_MEMORY:
            return (
                f"shared memory (tmpfs, shmem) has {_size(parts['shmem'])} of {_size(total)}: "
                "ending a process may not free it"
            )
        case oom_cause.LOCKED_MEMORY:
            return f"locked memory has {_size(parts['locked'])} of {_size(total)}"
        case oom_cause.THRASH:
            return _thrash(facts)
        case oom_cause.GROWTH:
            return _growth(facts)
        case oom_cause.ANONYMOUS:
            return (
                f"processes have {_size(parts['anon'])} of {_size(total)} as anonymous memory"
                f"{_swap(facts)}; that it grew was not seen"
            )
    return "not known: no number stands out"


def state(facts: OomFacts) -> str:
    """Free memory against the zone's watermarks, what has the rest, what reclaim got."""
    texts = []
    if facts.zone:
        zone = facts.zone
        marks = ", ".join(
            f"{name} {_size(kib)}"
            for name, kib in (("min", zone.min_kib), ("low", zone.low_kib))
            if kib
        )
        texts.append(f"{safe(zone.name)} {_size(zone.free_kib)} free ({marks})")
    sizes = [(label, facts.parts.get(part, 0)) for part, label in _PARTS]
    known = [f"{label} {_size(kib)}" for label, kib in sizes if kib]
    texts += [", ".join(known)] if known else []
    if facts.scanned is not None:
        texts.append(
            f"reclaim got {facts.reclaimed} of {words.count(facts.scanned, 'scanned page')} "
            f"in {words.seconds(facts.over_s)}"
        )
    if facts.stalled is not None:
        texts.append(f"all tasks waited for memory {facts.stalled:.0%} of that time")
    return "; ".join(texts)


def chosen(facts: OomFacts) -> str:
    """Why the victim was first, by oom_badness() of mm/oom_kill.c: size, and oom_score_adj."""
    victim, others = facts.victim, facts.others
    if victim is None or not others:
        return ""
    lead = f"{_process(victim)} and oom_score_adj {victim.oom_score_adj}"
    larger = [other for other in others if other.kib > victim.kib]
    if not larger:
        return f"{lead}: the largest; then {_list(others)}"
    spared = [other for other in larger if other.oom_score_adj < victim.oom_score_adj]
    if len(spared) == len(larger):
        return f"{lead}: by oom_score_adj; larger were {_list(larger)}"
    return f"{lead}; when it was dead, {_list(larger)} were larger"


def report_why(report: OomReport, facts: OomFacts) -> str:
    """The cause that a kernel log shows; empty where it shows none."""
    text = sentence(facts)
    return "" if cause_of(facts) == oom_cause.UNKNOWN or report.nobody else text


def _limit(facts: OomFacts) -> str:
    limit = f" of {_size(facts.limit)}" if facts.limit is not None else ""
    text = f"memory cgroup {safe(facts.memcg or '')} reached its limit{limit}"
    victim = facts.victim
    if victim:
        text += f"; {_process(victim)} resident"
    for part, label in (("shmem", "shared memory"), ("locked", "locked memory")):
        kib = facts.parts.get(part, 0)
        if facts.limit and kib >= facts.limit / 4:
            text += f", {label} {_size(kib)}"
    return text + _cgroup_growth(facts)


def _thrash(facts: OomFacts) -> str:
    rate = _size(round((facts.refaulted or 0) / facts.over_s))
    file, anon = (_size(facts.parts.get(part, 0)) for part in ("file", "anon"))
    return (
        f"thrash: {rate}/s of file pages were read again soon after reclaim had dropped them, with "
        f"{file} of file pages in memory; anonymous memory has {anon} of "
        f"{_size(facts.total or 0)}{_swap(facts)}"
    )


def _cgroup_growth(facts: OomFacts) -> str:
    """Of anonymous memory; "" where it is not known, or is little."""
    if not grows(facts) or not facts.over_s:
        return ""
    rate = _size(round((facts.anon_grown or 0) / facts.over_s))
    return (
        f"; its anonymous memory grew by {rate}/s for {words.seconds(facts.over_s)}: a leak, or it "
        "needs more than the limit"
    )


def _growth(facts: OomFacts) -> str:
    rate = round((facts.anon_grown or 0) / facts.over_s) if facts.over_s else 0
    who = f"; the largest: {_process(facts.victim)}" if facts.victim else ""
    return (
        f"anonymous memory grew by {_size(rate)}/s for {words.seconds(facts.over_s)}, to "
        f"{_size(facts.parts.get('anon', 0))} of {_size(facts.total or 0)}"
        f"{_swap(facts)}: a leak, or more than there is{who}"
    )


def _size(kib: int) -> str:
    return words.size(kib * 1024)


def _swap(facts: OomFacts) -> str:
    total = facts.parts.get("swap_total")
    if total is None:
        return ""
    if total == 0:
        return ", without swap"
    return f", with {_size(facts.parts.get('swap_free', 0))} of swap free"


def _list(processes: tuple[Process, ...] | list[Process]) -> str:
    return ", ".join(
        f"{_process(one)}" + (f" ({one.oom_score_adj})" if one.oom_score_adj else "")
        for one in processes[:5]
    )


def _process(one: Process) -> str:
    return f"{words.task_name(one.comm, one.pid)} {_size(one.kib)}"

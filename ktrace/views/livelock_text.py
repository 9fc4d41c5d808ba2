"""An oom-livelock finding in words: for plain lines, the screen and the report."""

from ktrace.findings import MmSharer, OomEnd, OomLivelock, ProtectedTask, Setter, Spinner, Undead
from ktrace.views import words
from ktrace.views.safe_text import safe

_REASONS = {
    "nobody": "no killable processes",
    "victim": "waiting for a previous OOM victim to exit",
    "no-gain": "kills gain nothing",
    "retry": "reclaim or compaction retries endlessly, without an OOM kill",
}
_CALLS = {
    "out_of_memory": ("call of out_of_memory()", "calls of out_of_memory()"),
    "reclaim_retry_zone": ("reclaim retry", "reclaim retries"),
    "compact_retry": ("compaction retry", "compaction retries"),
}
_CAUSES = {
    "respawn": "processes of the same name are killed again and again: something restarts them",
    "shmem": "tmpfs or shared memory, which a kill does not free",
    "locked": "locked or otherwise unevictable memory",
    "kernel": "kernel memory, which a kill does not free",
    "protected": "memory of tasks with oom_score_adj -1000",
}
_RESULTS = {
    "killed": "chose a victim",
    "nobody": "found no killable process",
    "waits": "waited for a previous victim to exit",
    "other": "freed memory otherwise, or came from a task that was dying itself",
}
_COUNTERS = 4
_TASKS = 6


def reason(finding: OomLivelock) -> str:
    return _REASONS.get(finding.reason, safe(finding.reason))


def domain(finding: OomLivelock) -> str:
    """ "memory cgroup /app.slice (limit 20 MiB)", "the machine"."""
    if finding.domain is None:
        return "the machine"
    limit = f" (limit {words.mebibytes(finding.limit_kib)})" if finding.limit_kib else ""
    return f"memory cgroup {safe(finding.domain)}{limit}"


def numbers(finding: OomLivelock) -> str:
    """ "6070 calls of out_of_memory() in 9.8s (619 per second), 0 kills"."""
    text = f"{_calls(finding)} in {words.seconds(finding.lasted_s)} ({rate(finding)})"
    if finding.call == "out_of_memory":
        text += f", {kills(finding)}"
    return text


def kills(finding: OomLivelock) -> str:
    """ "1 kill", "kills not measured"."""
    return "kills not measured" if finding.kills is None else words.count(finding.kills, "kill")


def rate(finding: OomLivelock) -> str:
    """ "619 per second", "0.4 per second"."""
    value = finding.calls_per_s
    return f"{value:.0f} per second" if value >= 9.95 else f"{value:.1f} per second"


def _calls(finding: OomLivelock) -> str:
    one, more = _CALLS.get(finding.call, (safe(finding.call),) * 2)
    return f"{finding.calls} {one if finding.calls == 1 else more}"


def line(finding: OomLivelock) -> str:
    """One line for a change of the finding."""
    if finding.outcome is not None:
        end = ended(finding.outcome)
        return f"resolved: OOM livelock of {domain(finding)}: {numbers(finding)}; {end}"
    lead = "OOM LIVELOCK" if finding.status == "open" else "still in an OOM livelock"
    cost = f", {cpu(finding.cpus)}" if finding.cpus is not None else ""
    return f"{lead}: {domain(finding)}: {reason(finding)}; {numbers(finding)}{cost}"


def cpu(cpus: float) -> str:
    """ "70 % of a CPU"."""
    return f"{cpus * 100:.0f} % of a CPU"


def ended(outcome: OomEnd) -> str:
    """ "ended when eater[31] died of SIGKILL from sh[7]"."""
    if outcome.task is None:
        return "the calls stopped"
    sender = f" from {words.name_of(outcome.by)}" if outcome.by else ""
    signal = words.signal_name(outcome.signal)
    return f"ended when {words.name_of(outcome.task)} died of {signal}{sender}"


def details(finding: OomLivelock) -> list[str]:
    """Everything else, one fact a line, the most telling first."""
    lines = [protected(task) for task in finding.protected[:_TASKS]]
    if len(finding.protected) > _TASKS:
        lines.append(f"and {len(finding.protected) - _TASKS} more with oom_score_adj -1000")
    lines += [sharing(task) for task in _one_of_each_mm(finding)]
    if finding.reason == "victim":
        lines.append(undead(finding.victim))
    lines += [f"cause: {_CAUSES.get(cause, safe(cause))}" for cause in finding.causes]
    if finding.kills:
        victims = words.count(finding.kills, "victim")
        freed = finding.freed_kib
        had = "resident memory not known" if freed is None else f"{words.mebibytes(freed)} resident"
        lines.append(f"{victims}, with {had} when chosen")
    lines += [results(finding), spinners(finding), memory(finding)]
    if finding.stack:
        lines.append("stack: " + " < ".join(safe(frame) for frame in finding.stack[:8]))
    return [text for text in lines if text]


def _one_of_each_mm(finding: OomLivelock) -> list[ProtectedTask]:
    told: set[int] = set()
    found = []
    for task in finding.protected[:_TASKS]:
        if task.shares_mm_with and task.pid not in told:
            found.append(task)
            told.update(sharer.pid for sharer in task.shares_mm_with)
    return found


def protected(task: ProtectedTask) -> str:
    """ "eater[31] has oom_score_adj -1000, inherited from daemon[30], set by sh[7]; 19 MiB"."""
    name = words.task_name(task.comm, task.pid)
    origin = ""
    if task.inherited_from:
        origin = f", inherited from {words.name_of(task.inherited_from)}"
    if task.set_by:
        origin += f", set by {_setter(task, task.set_by)}"
    elif not task.inherited_from:
        origin = ", set before tracing started, or inherited from an ancestor that has exited"
    else:
        origin += " (who set it there was not traced)"
    threads = f", {task.threads} threads" if task.threads > 1 else ""
    return (
        f"{name} has oom_score_adj {task.oom_score_adj}{origin}; "
        f"{words.mebibytes(task.rss_kib)} resident{threads}"
    )


def _setter(task: ProtectedTask, setter: Setter) -> str:
    if setter.pid == task.pid == setter.of:
        return "itself"
    name = words.task_name(setter.comm, setter.pid)
    eldest = task.inherited_from.pid if task.inherited_from else task.pid
    if setter.of == eldest:
        return name if setter.pid != eldest else f"{name} itself"
    target = "itself" if setter.of == setter.pid else f"pid {setter.of}"
    return f"{name} for {target}, which shares its mm"


def sharing(task: ProtectedTask) -> str:
    """Who uses the same mm. The kernel keeps oom_score_adj equal for all of them since v4.8
    (44a70adec910), but for a vfork child while its parent waits (__set_oom_adj(),
    fs/proc/base.c)."""
    sharers = task.shares_mm_with or ()
    names = ", ".join(_sharer(sharer) for sharer in sharers)
    same = all(s.oom_score_adj in (task.oom_score_adj, None) for s in sharers)
    note = (
        "the kernel keeps oom_score_adj equal for all who share an mm"
        if same
        else "their values differ: the kernel leaves out a vfork child whose parent waits"
    )
    return f"{words.task_name(task.comm, task.pid)} shares its mm with {names}: {note}"


def _sharer(sharer: MmSharer) -> str:
    name = words.task_name(sharer.comm, sharer.pid)
    if sharer.oom_score_adj is None:
        return f"{name} (outside the domain)"
    threads = words.count(sharer.threads or 0, "thread")
    return f"{name} ({sharer.oom_score_adj}, {threads})"


def undead(victim: Undead | None) -> str:
    """ "waiting for app[20], chosen 4.0s ago, last step: reaper woken; uninterruptible in f()"."""
    if victim is None:
        return "which victim is not known: ktrace saw no kill of it, and no task is marked as one"
    where = f"; {safe(victim.state)}" if victim.state else ""
    where += f" in {safe(victim.function)}()" if victim.function else ""
    stuck = f" (finding {safe(victim.stuck)})" if victim.stuck else ""
    name = words.task_name(victim.comm, victim.pid)
    if victim.for_s is None:
        sure = "" if victim.found_by == "domain" else "probably "
        return f"waiting {sure}for {name}, an OOM victim chosen unseen by ktrace{where}{stuck}"
    step = f", last step: {safe(victim.step)}" if victim.step else ""
    age = words.seconds(victim.for_s)
    return f"waiting for {name}, chosen {age} ago{step}{where}{stuck}"


def results(finding: OomLivelock) -> str:
    """ "results: 4779 found no killable process"."""
    if finding.reason == "retry":
        return ""
    if not finding.results:
        return "results of the calls: not measured"
    told = [(finding.results.get(name, 0), text) for name, text in _RESULTS.items()]
    return "results: " + ", ".join(f"{count} {text}" for count, text in told if count)


def spinners(finding: OomLivelock) -> str:
    """Who calls, from where, and what it costs."""
    if not finding.spinning:
        return ""
    names = ", ".join(_spinner(spinner) for spinner in finding.spinning[:_TASKS])
    cost = f"; {cpu(finding.cpus)}" if finding.cpus is not None else ""
    return f"invoked by {names}{cost}"


def _spinner(spinner: Spinner) -> str:
    fault = " in page faults" if spinner.in_fault else ""
    return f"{words.task_name(spinner.comm, spinner.pid, spinner.tid)}{fault}"


def memory(finding: OomLivelock) -> str:
    """ "memory: 20 MiB of 20 MiB used; anon 19 MiB, then 19 MiB"; the largest counters."""
    parts = []
    if finding.usage_kib is not None and finding.limit_kib:
        usage, limit = words.mebibytes(finding.usage_kib), words.mebibytes(finding.limit_kib)
        parts.append(f"{usage} of {limit} used")
    largest = sorted(finding.memory, key=lambda change: -change.after_kib)[:_COUNTERS]
    parts += [
        f"{safe(c.name)} {words.mebibytes(c.before_kib)}, then {words.mebibytes(c.after_kib)}"
        for c in largest
    ]
    return "memory: " + "; ".join(parts) if parts else ""

"""The timeline of an OOM kill as text: each step, and how long after the one before."""

from ktrace.detectors.kills import EXITING, GROUP, SHARES_MM, Kill, Step
from ktrace.views import words
from ktrace.views.oom_cause_text import why_lines
from ktrace.views.safe_text import safe


def timeline(kill: Kill) -> list[str]:
    """A head, then a line for each step; the last line says where it stopped."""
    lines = [head(kill), *(f"  {line}" for line in why_lines(kill))]
    before = kill.steps[0].t if kill.steps else kill.t
    start = before
    for step in kill.steps:
        took = f"+{(step.t - before) * 1000:.1f} ms"
        lines.append(f"  {(step.t - start) * 1000:10.1f} ms  {took:>12}  {describe(step, kill)}")
        before = step.t
    if kill.steps_left_out:
        lines.append(f"  and {words.count(kill.steps_left_out, 'more step')} of its threads")
    lines.append(f"  {result(kill)}")
    return lines


def compact(kill: Kill) -> str:
    """In one line: "invoked, chosen +0.1 ms, SIGKILL +0.3 ms, ..., dead +20.1 ms". Of the threads'
    deaths only the last."""
    parts = []
    before = None
    deaths = [step for step in kill.steps if step.name == "dead"]
    for step in kill.steps:
        if step.name == "dead" and step is not deaths[-1]:
            continue
        took = f" +{(step.t - before) * 1000:.1f} ms" if before is not None else ""
        parts.append(step.name + took)
        before = step.t
    return ", ".join(parts) + ("" if kill.over else f"; {outcome(kill)}")


def head(kill: Kill) -> str:
    """Who, how large, invoked by whom, in which domain."""
    parts = [f"{words.name_of(kill.victim)}, invoked by {words.invoked_by(kill)}", *_why(kill)]
    choice = kill.choice
    if choice is None:
        return "; ".join(parts)
    parts.append(words.kill_request(kill))
    parts.append(safe(choice.constraint))
    if kill.invocation and kill.invocation.memcg is not None:
        parts.append(f"memory cgroup {safe(kill.invocation.memcg)}")
    parts.append(f"score {choice.points} of {words.count(choice.totalpages, 'page')}")
    parts.append(f"oom_score_adj {choice.oom_score_adj}")
    sizes = (
        ("anon", choice.anon_rss_kib),
        ("file", choice.file_rss_kib),
        ("shmem", choice.shmem_rss_kib),
        ("page tables", choice.pgtables_kib),
    )
    parts.append(", ".join(f"{name} {words.mebibytes(kib)}" for name, kib in sizes))
    return "; ".join(parts)


def _why(kill: Kill) -> list[str]:
    victim = words.name_of(kill.of.victim) if kill.of else "?"
    if kill.why == GROUP:
        return [f"killed as a member of the memory.oom.group of {victim}"]
    if kill.why == SHARES_MM:
        return [f"killed as it shares the mm of {victim}"]
    if kill.why == EXITING:
        return [f"it was dying already{_killer(kill)}"]
    if kill.choice is None and not kill.t_known:
        return ["killed before tracing started"]
    if kill.choice is None:
        return ["why it was chosen is not known without a probe on oom_kill_process()"]
    early = kill.sender if kill.by == "signal" else None
    return [f"a signal of {words.name_of(early)} came first"] if early else []


def _killer(kill: Kill) -> str:
    if kill.by == "exit" or kill.sender is None:
        return ""
    return f", killed by {words.name_of(kill.sender)}"


def describe(step: Step, kill: Kill) -> str:
    """One step in words."""
    text = safe(step.name)
    if step.task and step.task.pid != kill.victim.pid:
        text += f" to {words.name_of(step.task)}, which shares the mm"
    elif step.task and step.task.tid != kill.victim.tid:
        text += f" (thread {words.name_of(step.task)})"
    if step.rss_kib is not None:
        text += f", {words.mebibytes(step.rss_kib)} resident"
    if step.name == "reaper finished" and kill.freed_kib is not None:
        text += f", {words.mebibytes(max(0, kill.freed_kib))} freed"
    return text


def outcome(kill: Kill) -> str:
    """ "dead after 10.5s by SIGKILL"."""
    if kill.died_t is not None:
        after = words.seconds(max(0.0, kill.died_t - kill.t))
        return f"dead after {after} by {words.signal_name(kill.exit_signal)}"
    if kill.over:
        return "gone, its end was not seen"
    if not kill.threads and not kill.deaths:
        return "not seen to die"
    return ", ".join(_threads(kill))


def _freed(kill: Kill) -> str:
    if kill.released_t is None or not kill.t_known:
        return ""
    return f", its memory free after {words.seconds(max(0.0, kill.released_t - kill.t))}"


def _threads(kill: Kill) -> list[str]:
    """Of one that is not over: how many threads are dead, alive, stuck."""
    parts = []
    if kill.deaths:
        of = f" of {kill.expected}" if kill.expected else ""
        noun = "thread" if (kill.expected or kill.deaths) == 1 else "threads"
        parts.append(f"{kill.deaths}{of} {noun} dead")
    if kill.threads:
        parts.append(f"{words.count(len(kill.threads), 'thread')} alive")
    return parts + ([f"{kill.stuck} stuck"] if kill.stuck else [])


def result(kill: Kill) -> str:
    """How it ended, or the step at which it stopped."""
    if kill.died_t is not None:
        reaper = "" if kill.reaper else "; the OOM reaper was not needed"
        return f"{outcome(kill)}{_freed(kill)}{reaper}{_mm(kill)}"
    last = kill.steps[-1].name if kill.steps else "chosen"
    return f'{outcome(kill)}: it got as far as "{safe(last)}"{_mm(kill)}'


def _mm(kill: Kill) -> str:
    """Who else has the mm."""
    if not kill.sharers:
        return ""
    others = words.count(kill.sharers, "other process")
    return f"; {others} not known to have released the mm yet"

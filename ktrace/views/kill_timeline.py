"""The life of an OOM kill as text: each step, and how long after the one before."""

from ktrace.detectors.oom_kills import Kill, Step
from ktrace.views import words
from ktrace.views.safe_text import safe


def timeline(kill: Kill) -> list[str]:
    """A head, then a line for each step; the last line says where it stopped."""
    lines = [head(kill)]
    before = kill.steps[0].t if kill.steps else kill.t
    start = before
    for step in kill.steps:
        took = f"+{(step.t - before) * 1000:.1f} ms"
        lines.append(f"  {(step.t - start) * 1000:10.1f} ms  {took:>12}  {describe(step, kill)}")
        before = step.t
    if kill.steps_left_out:
        lines.append(f"  and {kill.steps_left_out} more steps of its threads")
    lines.append(f"  {result(kill)}")
    return lines


def compact(kill: Kill) -> str:
    """In one line: "asked, chosen +0.1 ms, SIGKILL +0.3 ms, ..., dead +20.1 ms"."""
    parts = []
    before = None
    for step in kill.steps:
        took = f" +{(step.t - before) * 1000:.1f} ms" if before is not None else ""
        parts.append(step.name + took)
        before = step.t
    return ", ".join(parts)


def head(kill: Kill) -> str:
    """Who, how large, for whom, in which domain."""
    parts = [f"{words.name_of(kill.victim)}, for {words.name_of(kill.by)}"]
    if kill.choice is None:
        return f"{parts[0]}; why it was chosen is not known without a probe on oom_kill_process()"
    choice = kill.choice
    parts.append(words.kill_request(kill))
    parts.append(safe(choice.constraint))
    if kill.asked and kill.asked.memcg is not None:
        parts.append(f"memory cgroup {safe(kill.asked.memcg)}")
    parts.append(f"score {choice.points} of {choice.totalpages} pages")
    parts.append(f"oom_score_adj {choice.oom_score_adj}")
    sizes = (
        ("anon", choice.anon_rss_kib),
        ("file", choice.file_rss_kib),
        ("shmem", choice.shmem_rss_kib),
        ("page tables", choice.pgtables_kib),
    )
    parts.append(", ".join(f"{name} {words.mebibytes(kib)}" for name, kib in sizes))
    return "; ".join(parts)


def describe(step: Step, kill: Kill) -> str:
    """One step in words."""
    text = safe(step.name)
    if step.task and step.task.tid != kill.victim.tid:
        text += f" (thread {words.name_of(step.task)})"
    if step.rss_kib is not None:
        text += f", {words.mebibytes(step.rss_kib)} resident"
    if step.name == "reaper finished" and kill.freed_kib is not None:
        text += f", {words.mebibytes(max(0, kill.freed_kib))} freed"
    return text


def result(kill: Kill) -> str:
    """How it ended, or the step at which it stopped."""
    if kill.died_t is not None:
        after = words.seconds(kill.died_t - kill.t)
        reaper = "" if kill.reaper else "; the OOM reaper was not needed"
        signal = words.signal_name(kill.exit_signal)
        return f"dead {after} after it was chosen, by {signal}{reaper}{_alive(kill)}"
    last = kill.steps[-1].name if kill.steps else "chosen"
    return f'not seen to die: it got as far as "{safe(last)}"'


def _alive(kill: Kill) -> str:
    """A leader's death is the process's, but for threads that live on."""
    threads = kill.choice.threads if kill.choice else 0
    dead = sum(step.name == "dead" for step in kill.steps)
    if dead >= threads or kill.steps_left_out:
        return ""
    return f"; {dead} of {threads} threads seen to die"

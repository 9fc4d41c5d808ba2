"""Stuck threads, grouped by the object that they wait for first and by stack second."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from ktrace.findings import StuckTask
from ktrace.kernel.wait_functions import function_of
from ktrace.record import record
from ktrace.views import words
from ktrace.views.roots import root
from ktrace.views.wait_chain import waited_for

_FUNCTIONS_NAMED = 3
_ROOTS_NAMED = 2


@record
class Group:
    """Threads that wait for the same, in the same place."""

    key: str
    tasks: tuple[StuckTask, ...]  # the longest stuck first

    @property
    def first(self) -> StuckTask:
        return self.tasks[0]

    @property
    def since(self) -> float:
        """When the longest stuck was killed, or first seen killed."""
        return since(self.first)


def since(finding: StuckTask) -> float:
    """When it was killed, or first seen killed; it grows with no time."""
    return finding.t - finding.stuck_s


def groups(found: Iterable[StuckTask]) -> list[Group]:
    """The longest stuck first."""
    members: dict[object, list[StuckTask]] = {}
    for finding in sorted(found, key=since):
        members.setdefault(_key(finding), []).append(finding)
    return [Group(f"group-{tasks[0].id}", tuple(tasks)) for tasks in members.values()]


def _key(finding: StuckTask) -> object:
    """By functions: the offsets of equal stacks may differ by an instruction."""
    wait = finding.waits_for
    named = (wait.kind, wait.object or wait.detail) if wait else None
    return named, finding.state, tuple(map(function_of, finding.stack))


def object_of(finding: StuckTask) -> str:
    """What it waits for; empty: not known."""
    return waited_for(finding.waits_for) if finding.waits_for else ""


def place_of(finding: StuckTask) -> str:
    """The function in which it waits, else its state."""
    return words.waits_in(finding) if finding.wait else finding.state


def killers(tasks: Sequence[StuckTask]) -> str:
    """ "OOM killer", "sh[10]", "sh[10], +3"."""
    names = list(dict.fromkeys(killer(task) for task in tasks))
    return names[0] if len(names) == 1 else f"{names[0]}, +{len(names) - 1}"


def killer(finding: StuckTask) -> str:
    """Who killed it, as short as can be."""
    killed = finding.killed
    if killed.by == "oom":
        return "OOM killer"
    if killed.by == "exit":
        return "its exit"
    return words.task_name(killed.comm, killed.pid) if killed.pid is not None else "?"


def headline(found: Sequence[StuckTask], t: float) -> str:
    """ "500 stuck, longest 58.0s, all behind frozen file system: ext4 (/data): mnt_want_write 250".

    found: at least one.
    """
    longest = min(found, key=since)
    age = words.stuck_for(longest, t - since(longest))
    if len(found) == 1:
        who = words.task_name(longest.comm, longest.pid, longest.tid)
        behind = root(longest)
        return f"{who} stuck for {age} in {place_of(longest)}" + (
            f", behind {behind}" if behind else ""
        )
    roots = _most(found, lambda finding: root(finding) or "what is not known", _ROOTS_NAMED)
    lead = f"{len(found)} stuck, longest {age}"
    places = ", ".join(f"{place} {number}" for place, number in _counted(found, place_of))
    if len(roots) > 1:
        behind = ", ".join(f"{number} behind {what}" for what, number in roots)
        return f"{lead}; {behind}; {places}"
    known = any(map(root, found))
    return f"{lead}, all behind {roots[0][0]}: {places}" if known else f"{lead}: {places}"


def _counted(found: Sequence[StuckTask], what: Callable[[StuckTask], str]) -> list[tuple[str, int]]:
    return _most(found, what, _FUNCTIONS_NAMED)


def _most(
    found: Sequence[StuckTask], what: Callable[[StuckTask], str], named: int
) -> list[tuple[str, int]]:
    """The most frequent, and how many are others."""
    counts = Counter(map(what, found))
    most = counts.most_common(named)
    rest = len(found) - sum(number for _, number in most)
    return most + ([("others", rest)] if rest else [])

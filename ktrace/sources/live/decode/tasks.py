"""Tasks: signals, exits, deaths, and looks at them."""

from typing import Any

from ktrace.events import FatalSignal, TaskDead, TaskExit, TaskHung, TaskRuns, TaskState
from ktrace.kernel.container_names import container_names
from ktrace.kernel.task_state import TaskStates
from ktrace.probes.wire import wire
from ktrace.sources.live.decode.fields import PAGE_KIB, cgroup, kib, seconds, task
from ktrace.sources.live.decode.squashfs import squashfs_call
from ktrace.sources.live.decode.stacks import Stacks


class TaskDecoder:
    """Its methods are called as the structs that they decode."""

    def __init__(
        self, states: TaskStates, stacks: Stacks, page_kib: int = PAGE_KIB, here: bool = True
    ) -> None:
        """here: runtimes of containers on this machine know their names."""
        self._states = states
        self._page_kib = page_kib
        self._here = here
        self._stacks = stacks
        self._marks = wire().words("kill_mark")
        self._sources = wire().words("state_source")

    def fatal_signal(self, raw: Any) -> FatalSignal:
        return FatalSignal(
            t=seconds(raw.event.t),
            by=task(raw.by),
            target=task(raw.target),
            signal=raw.signal,
            group=bool(raw.group),
            si_code=raw.si_code,
        )

    def task_exit(self, raw: Any) -> TaskExit:
        return TaskExit(
            t=seconds(raw.event.t),
            task=task(raw.task),
            exit_code=raw.exit_code,
            mm_held=bool(raw.mm_held),
        )

    def task_dead(self, raw: Any) -> TaskDead:
        return TaskDead(t=seconds(raw.event.t), task=task(raw.task), exit_code=raw.exit_code)

    def task_hung(self, raw: Any) -> TaskHung:
        return TaskHung(t=seconds(raw.event.t), task=task(raw.task))

    def task_state(self, raw: Any) -> TaskState:
        path = cgroup(raw.cgroup) if raw.has_cgroup else None
        return TaskState(
            t=seconds(raw.event.t),
            task=task(raw.task),
            ppid=raw.ppid,
            source=self._sources[raw.source],
            start_t=seconds(raw.start_t),
            asleep_t=seconds(raw.asleep_t) if raw.asleep_t else None,
            switches=raw.switches,
            state=self._states.name(raw.state, raw.exit_state, raw.flags),
            state_flags=self._states.flags(raw.state),
            on_cpu=bool(raw.on_cpu),
            killed=tuple(word for bit, word in self._marks.items() if raw.killed & bit),
            group_exit_code=raw.group_exit_code,
            oom_victim=bool(raw.oom_victim),
            stack=self._stacks.of(raw),
            top=self._stacks.top(raw),
            possible=self._stacks.possible(raw),
            squashfs=squashfs_call(raw.squashfs),
            cpu=raw.cpu - 1 if raw.cpu else None,
            off_cpu_t=seconds(raw.off_cpu_t) if raw.off_cpu_t else None,
            cgroup=path,
            names=container_names(path) if path and self._here else None,
            **_memory(raw, self._page_kib),
        )

    def task_runs(self, raw: Any) -> TaskRuns:
        return TaskRuns(
            t=seconds(raw.event.t), task=task(raw.task), cpu=raw.cpu, stack=self._stacks.of(raw)
        )


def _memory(raw: Any, page_kib: int) -> dict[str, Any]:
    """Of one whose mm was found: from /proc it is not."""
    rss, held = raw.rss, bool(raw.mm_held)
    if not raw.killed or rss < 0 or hasattr(raw, "frames"):
        return {}
    return {"rss_kib": kib(rss, page_kib), "mm_held": held}

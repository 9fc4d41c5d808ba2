"""The problems that ktrace looks for: one line each, nothing else names them all.

A new problem is a detector (ktrace/detectors/detector.py says what one is), a view
(ktrace/views/problem_view.py) and a line here. What a line names is imported when it is used.
"""

from collections.abc import Collection
from importlib import import_module
from typing import TYPE_CHECKING, cast

from ktrace.probes.catalog import PURPOSES
from ktrace.record import record

if TYPE_CHECKING:
    from ktrace.detectors.detector import Detector
    from ktrace.findings.finding import Finding
    from ktrace.views.problem_view import ProblemView


@record(kw_only=True)
class Problem:
    """One line of the registry."""

    name: str
    help: str  # of its command
    detector: str  # module:Class
    view: str  # module
    findings: tuple[str, ...]  # their names in JSON; the detector has their types
    probes: tuple[str, ...] = ()  # without one of these, a run that finds nothing is inconclusive
    also_in: tuple[str, ...] = ()  # other commands that report it; those of no problem report all
    before: str = ""  # module:Class, a ktrace.sources.live.earlier.Earlier
    live: bool = True  # it can be found while tracing, by a command of its name
    on_request: bool = False  # other commands report it only where the session has blocked_after

    @property
    def hot(self) -> str:
        """The BPF object whose hooks are hot: only its own command loads it and reports it, and
        who asks for it by name. Most problems have none."""
        objects = (PURPOSES[name].hot for name in self.probes if name in PURPOSES)
        return next(filter(None, objects), "")

    @property
    def traced(self) -> bool:
        """Traces can have its findings: those without probes are in kernel logs alone."""
        return bool(self.probes)

    def detector_type(self) -> "type[Detector]":
        return cast("type[Detector]", load(self.detector))

    def view_module(self) -> "ProblemView":
        return cast("ProblemView", import_module(self.view))


PROBLEMS: tuple[Problem, ...] = (
    Problem(
        name="oom-hang",
        help="Show which tasks are stuck after a SIGKILL, why, and what blocks them.",
        detector="ktrace.detectors.stuck:StuckTasks",
        view="ktrace.views.oom_hang",
        findings=("stuck-task",),
        probes=("task", "signal_generate", "sched_switch"),
        also_in=("watch",),
    ),
    Problem(
        name="bad-page",
        help="Show what triggered each bad page, and whether one cell of RAM explains them.",
        detector="ktrace.detectors.bad_page:BadPages",
        view="ktrace.views.bad_page",
        findings=("bad-page", "ram-cell", "page-corruption"),
        probes=("bad_page", "page checks", "kernel log"),
        before="ktrace.sources.live.earlier_pages:EarlierPages",
        also_in=("dmesg", "watch"),
    ),
    Problem(
        name="oom-livelock",
        help="Show OOM handling that makes no progress: since when, how often, why; "
        "and each OOM kill.",
        detector="ktrace.detectors.livelock:Livelocks",
        view="ktrace.views.oom_livelock",
        findings=("oom-livelock",),
        probes=("out_of_memory", "reclaim_retry_zone", "compact_retry"),
        also_in=("dmesg", "watch"),
    ),
    Problem(
        name="big-alloc",
        help="Show who allocates large blocks of memory, which requests fail or wait, why, and "
        "what would do instead.",
        detector="ktrace.detectors.large_allocations:LargeAllocations",
        view="ktrace.views.large_allocation",
        findings=("large-alloc",),
        probes=(
            "mm_page_alloc",
            "mm_vmscan_direct_reclaim_begin",
            "mm_compaction_try_to_compact_pages",
        ),
    ),
    Problem(
        name="oom-kill",
        help="Whom the OOM killer killed, or a daemon of user space that does its work.",
        detector="ktrace.detectors.oom_kills:OomKills",
        view="ktrace.views.oom_kill",
        findings=("oom-kill",),
        probes=("mark_victim",),
        also_in=("watch",),
        live=False,
    ),
    Problem(
        name="squashfs",
        help="Show what the caches of each squashfs do, and what is decompressed again and again.",
        detector="ktrace.detectors.squashfs_use:SquashfsCaches",
        view="ktrace.views.squashfs",
        findings=("squashfs-thrash",),
        probes=("squashfs_cache_get", "squashfs_read_data", "squashfs_cache_put"),
    ),
    Problem(
        name="stuck",
        help="Show every task that is blocked now, with what blocks it.",
        detector="ktrace.detectors.blocked:BlockedTasks",
        view="ktrace.views.blocked",
        findings=("blocked-task",),
        probes=("task",),
        also_in=("watch",),
        live=False,
        on_request=True,
    ),
    Problem(
        name="hung-task",
        help="Tasks that khungtaskd reports.",
        detector="ktrace.detectors.hung_tasks:HungTasks",
        view="ktrace.views.hung_text",
        findings=("hung-task",),
        also_in=("dmesg",),
        live=False,
    ),
    Problem(
        name="alarm",
        help="Every other report of a kernel log that something is wrong.",
        detector="ktrace.detectors.alarms:Alarms",
        view="ktrace.views.alarm_text",
        findings=("alarm",),
        also_in=("dmesg",),
        live=False,
    ),
)


def load(name: str) -> object:
    """What "module:name" names."""
    module, _, member = name.partition(":")
    return getattr(import_module(module), member)


def reported(command: str, also: Collection[str] = ()) -> tuple[Problem, ...]:
    """The problems that a command reports and gives its verdict by. also: names of hot ones that
    it was asked for."""
    own = tuple(
        problem for problem in PROBLEMS if command == problem.name or command in problem.also_in
    )
    return own or tuple(p for p in live_problems() if not p.hot or p.name in also)


def hot_objects(command: str, also: Collection[str] = ()) -> tuple[str, ...]:
    """BPF objects that the command loads beside those of every run."""
    return tuple(problem.hot for problem in reported(command, also) if problem.hot)


def hot_problems() -> tuple[str, ...]:
    """Names of those that `ktrace record` has only where it is asked for them."""
    return tuple(problem.name for problem in live_problems() if problem.hot)


def live_problems() -> tuple[Problem, ...]:
    """Those that can be found while tracing."""
    return tuple(problem for problem in PROBLEMS if problem.live)


def problem_of(finding: str) -> Problem | None:
    """Which problem has findings of that name."""
    return next((problem for problem in PROBLEMS if finding in problem.findings), None)


def finding_type(name: str) -> "type[Finding] | None":
    """The type of the findings of that name; None where no problem has such."""
    problem = problem_of(name)
    kinds = problem.detector_type().findings if problem else ()
    return next((kind for kind in kinds if kind.finding == name), None)


def verdicts_that_need(function: str) -> tuple[str, ...]:
    """Names of the problems that cannot be called absent without a probe on function."""
    return tuple(problem.name for problem in PROBLEMS if function in problem.probes)

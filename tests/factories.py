"""Short ways to make events for tests of detectors and views. Times are seconds."""

from ktrace.events import (
    FatalSignal,
    OomKill,
    OomReap,
    OomVictim,
    SquashfsCall,
    Task,
    TaskDead,
    TaskState,
    Walk,
)
from ktrace.findings import Probe, Session

SHELL = Task(10, 10, "sh")
APP = Task(20, 20, "appd")
SLEEP = ("__schedule+0x1", "schedule+0x2")
CACHE_STACK = (
    *SLEEP,
    "squashfs_cache_get+0x323 [squashfs]",
    "squashfs_readahead+0x10 [squashfs]",
    "read_pages+0x1",
)
FILLER_STACK = (
    *SLEEP,
    "io_schedule+0x1",
    "schedule_timeout+0x5",
    "__wait_for_common+0x9",
    "submit_bio_wait+0x40",
    "squashfs_bio_read+0x1 [squashfs]",
    "squashfs_cache_get+0x120 [squashfs]",
)


def session(**changes: object) -> Session:
    values: dict[str, object] = {
        "ktrace": "0.1.0",
        "format": 1,
        "command": "oom-hang",
        "host": "board",
        "kernel": "6.1.0-56-cloud-amd64",
        "boot_id": "58d5bc8f-99a0-4899-abc8-7cbd18560b0b",
        "machine": "x86_64",
        "t": 100.0,
        "wall": "2026-11-21T22:11:52Z",
        "loader": "libbpf",
        "stuck_after": 1.0,
        "probes": tuple(
            Probe(name, "tp_btf", "attached")
            for name in ("signal_generate", "sched_switch", "task", "mark_victim")
        ),
    }
    return Session(**(values | changes))  # type: ignore[arg-type]


def kill(t: float, target: Task = APP, by: Task = SHELL, si_code: int = 0) -> FatalSignal:
    return FatalSignal(t=t, by=by, target=target, signal=9, group=True, si_code=si_code)


def state(t: float, task: Task = APP, **changes: object) -> TaskState:
    """A look at a killed thread in wait_event() of squashfs_cache_get()."""
    values: dict[str, object] = {
        "t": t,
        "task": task,
        "ppid": 1,
        "source": "walk",
        "start_t": 50.0,
        "asleep_t": None,
        "switches": 7,
        "state": "uninterruptible",
        "state_flags": "TASK_UNINTERRUPTIBLE",
        "on_cpu": False,
        "killed": ("pending", "group"),
        "group_exit_code": 9,
        "oom_victim": False,
        "stack": CACHE_STACK,
        "top": (),
        "squashfs": None,
    }
    return TaskState(**(values | changes))  # type: ignore[arg-type]


def call(block: int, cache: str = "0xffff888000010000") -> SquashfsCall:
    return SquashfsCall(100.5, cache, "fragment", "vdb", block)


def walk(t: float, took: float = 0.001, complete: bool = True) -> Walk:
    return Walk(t=t, started_t=t - took, complete=complete)


def dead(t: float, task: Task = APP, exit_code: int = 9) -> TaskDead:
    return TaskDead(t=t, task=task, exit_code=exit_code)


def oom_kill(t: float, victim: Task = APP, by: Task = SHELL) -> OomKill:
    return OomKill(
        t=t,
        by=by,
        victim=victim,
        order=0,
        gfp="GFP_HIGHUSER_MOVABLE|__GFP_COMP",
        gfp_mask="0x140cca",
        constraint="CONSTRAINT_NONE",
        oom_score_adj=0,
        points=11000,
        totalpages=60000,
        uid=0,
        threads=1,
        total_vm_kib=50000,
        anon_rss_kib=41984,
        file_rss_kib=100,
        shmem_rss_kib=0,
        pgtables_kib=120,
        cgroup="/app.slice",
    )


def oom_victim(t: float, tid: int = 20, by: Task = SHELL) -> OomVictim:
    return OomVictim(t=t, by=by, tid=tid)


def reap(t: float, step: str, tid: int = 20) -> OomReap:
    return OomReap(t=t, step=step, tid=tid)

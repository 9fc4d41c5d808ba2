"""Short ways to make events for tests of detectors and views. Times are seconds."""

from dataclasses import replace

from ktrace.events import (
    DomainTask,
    FatalSignal,
    MemoryCount,
    OomActivity,
    OomAdjust,
    OomCaller,
    OomDomain,
    OomKill,
    OomReap,
    OomVictim,
    OutOfMemory,
    SquashfsCall,
    Task,
    TaskDead,
    TaskExit,
    TaskState,
    TaskWait,
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


PROBES = ("signal_generate", "sched_switch", "task", "mark_victim")
OWN_PROBES = {
    "bad-page": ("bad_page",),
    "oom-livelock": ("out_of_memory", "reclaim_retry_zone", "compact_retry"),
}


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
            for name in (*PROBES, *OWN_PROBES.get(str(changes.get("command")), ()))
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


def exited(t: float, task: Task = APP) -> TaskExit:
    return TaskExit(t=t, task=task, exit_code=9)


def asked(t: float, by: Task = SHELL, memcg: str | None = None) -> OutOfMemory:
    return OutOfMemory(t=t, by=by, order=0, gfp="GFP_KERNEL", gfp_mask="0xcc0", memcg=memcg)


def activity(t: float, calls: int, **changes: object) -> OomActivity:
    """Counts of the memory cgroup /app, called by APP from a page fault; since 100."""
    caller = OomCaller(APP, calls, 100.0, t - 0.01, True)
    values: dict[str, object] = {
        "t": t,
        "call": "out_of_memory",
        "memcg": "/app",
        "first_t": 100.0,
        "last_t": t - 0.01,
        "calls": calls,
        "killed": 0,
        "nobody": 0,
        "waits": 0,
        "other": 0,
        "constraint": "CONSTRAINT_MEMCG",
        "order": 0,
        "gfp": "GFP_KERNEL",
        "callers": (caller,),
        "stack": ("try_charge_memcg+0x1", "handle_mm_fault+0x2"),
    }
    return OomActivity(**(values | changes))  # type: ignore[arg-type]


def domain_task(task: Task = APP, **changes: object) -> DomainTask:
    """A protected process of 20 MiB."""
    values: dict[str, object] = {
        "pid": task.pid,
        "comm": task.comm,
        "ppid": 1,
        "state": "R",
        "threads": 1,
        "oom_score_adj": -1000,
        "anon_rss_kib": 20000,
        "file_rss_kib": 480,
        "shmem_rss_kib": 0,
        "locked_kib": 0,
        "swap_kib": 0,
        "cpu_s": 1.0,
        "sharers": (),
        "protected_by": (),
    }
    return DomainTask(**(values | changes))  # type: ignore[arg-type]


def domain(t: float, *tasks: DomainTask, **changes: object) -> OomDomain:
    """The memory cgroup /app, full."""
    values: dict[str, object] = {
        "t": t,
        "memcg": "/app",
        "processes": len(tasks),
        "limit_kib": 20480,
        "usage_kib": 20480,
        "memory": (MemoryCount("anon", 20000), MemoryCount("shmem", 0)),
        "tasks": tasks,
    }
    return OomDomain(**(values | changes))  # type: ignore[arg-type]


def adjusted(t: float, by: Task, task: Task, value: int = -1000) -> OomAdjust:
    return OomAdjust(t=t, by=by, task=task, oom_score_adj=value)


def task_wait(t: float, task: Task = APP, **changes: object) -> TaskWait:
    """Of a mutex that nobody is known to hold."""
    wait = TaskWait(
        t=t,
        task=task,
        start_t=1.0,
        switches=5,
        wait="mutex",
        object="0xffff888000020000",
        detail="mutex of a pipe",
        evidence=("mutex_waiter on its stack",),
        holders=(),
        waiters=1,
        target="",
    )
    return replace(wait, **changes)  # type: ignore[arg-type]

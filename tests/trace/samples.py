"""A small trace, and ways to write and read one."""

from pathlib import Path

from ktrace.events import Event, FatalSignal, Lost, SquashfsCall, Task, TaskState, Walk
from ktrace.findings import Blocker, End, Killed, Outcome, Probe, Session, StuckTask, Wait
from ktrace.trace.reader import Record, TraceFile
from ktrace.trace.writer import TraceWriter

APPD = Task(377, 381, "appd")
SHELL = Task(388, 388, 'sh"\\\x1b[31m\x00é')
STACK = ("squashfs_cache_get+0x323 [squashfs]", "squashfs_readahead+0x12 [squashfs]")

SESSION = Session(
    ktrace="0.1.0",
    format=1,
    command="ktrace record -o x",
    host="box",
    kernel="6.1.0",
    boot_id="0f",
    machine="x86_64",
    t=10.0,
    wall="2026-11-21T22:00:00Z",
    loader="libbpf",
    stuck_after=1.0,
    probes=(Probe("sched_switch", "tp_btf", "attached"),),
    warnings=("no symbols",),
)
KILL = FatalSignal(t=10.5, by=SHELL, target=APPD, signal=9, group=True, si_code=128)
STATE = TaskState(
    t=11.000001,
    task=APPD,
    ppid=1,
    source="walk",
    start_t=3.25,
    asleep_t=None,
    switches=12,
    state="uninterruptible",
    state_flags="TASK_UNINTERRUPTIBLE",
    on_cpu=False,
    killed=("pending", "group"),
    group_exit_code=9,
    oom_victim=False,
    stack=STACK,
    top=("schedule+0x2e",),
    squashfs=SquashfsCall(10.25, "0xffff888004561200", "fragment", "vda", 123456),
)
AWAKE = TaskState(
    t=11.5,
    task=APPD,
    ppid=1,
    source="switch",
    start_t=3.25,
    asleep_t=11.25,
    switches=13,
    state="running",
    state_flags="TASK_RUNNING",
    on_cpu=True,
    killed=(),
    group_exit_code=0,
    oom_victim=True,
    stack=(),
    top=(),
    squashfs=None,
)
FINDING = StuckTask(
    status="resolved",
    id="381",
    t=11.75,
    pid=377,
    tid=381,
    comm="appd",
    state="uninterruptible",
    stuck_s=1.25,
    killed=Killed("oom", 9, 388, "sh", 10.5),
    wait=Wait("squashfs_cache_get", "wait_event", False),
    stack=STACK,
    blocked_by=(Blocker(5, 6, "kworker/u4:6", "uninterruptible", None, "fills the entry"),),
    outcome=Outcome(9, 0.5),
)
LOST = Lost(t=12.0, what="sched_switch", count=3)
WALK = Walk(t=12.5, started_t=12.25, complete=True)
END = End(t=13.0, lost=3, lost_by={"sched_switch": 3}, findings=1, verdict="found", why="")

RECORDS: list[Record] = [SESSION, KILL, STATE, AWAKE, FINDING, LOST, WALK, END]


def write(path: Path, records: list[Record], *, force: bool = False) -> Path:
    writer = TraceWriter(path, force=force)
    for record in records:
        write_record(writer, record)
    assert writer.close(60)
    assert writer.failure is None
    return path


def write_record(writer: TraceWriter, record: Record) -> None:
    match record:
        case Session():
            writer.write_session(record)
        case Event():
            writer.write_event(record)
        case End():
            writer.write_end(record)
        case _:
            writer.write_finding(record)


def read(path: Path) -> tuple[list[Record], list[str]]:
    """The records, and the damage in words."""
    with TraceFile(path) as trace:
        return list(trace.records()), trace.damage.lines()

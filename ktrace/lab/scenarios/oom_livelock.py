"""The OOM killer is called thousands of times, kills nobody, and nothing gets better.

A memory cgroup of 20 MiB whose only task has oom_score_adj -1000 and touches more, page by page:
each fault finds nobody to kill, fails, and is made again. First the -1000 is inherited, by the
child of a daemon that protects itself; then it comes from a process that shares the mm. Last a
group whose victims are started again, while tmpfs keeps half of its memory. Before all that two
ordinary OOM kills, of a group and of the machine, which are no findings. A SIGKILL from outside
ends each livelock at once.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path

from ktrace.lab.arch import Arch
from ktrace.lab.build.image import program_disk
from ktrace.lab.errors import LabError
from ktrace.lab.guest.guest import Disk
from ktrace.lab.guest.tracer import ktrace_command
from ktrace.lab.limits import PATIENCE_S
from ktrace.lab.scenario import Scenario, Stage, Step
from ktrace.plural import count

GROUPS = "/sys/fs/cgroup"
LIMIT_MB = 20
TOUCHED_MB = 64
HOLD_S = 10.0
QUIET_S = 6.0  # ktrace must see that the calls have stopped
LEAST_KILLS = 8  # of those that are started again
LEAST_CALLS = 50  # each hold must have more; thousands is usual
READY = "/run/ready"
FORM_S = PATIENCE_S
_POLL_S = 0.5
NOTICE_S = 60.0  # for ktrace, which the scenario does not need


def make_groups(stage: Stage) -> None:
    """A group for each part, and a console that does not slow the kernel down: every call of
    out_of_memory() that finds nobody prints some 40 lines."""
    stage.guest.check("mount -t ext4 -o ro /dev/disk/workload /workload")
    stage.guest.check(f"mkdir {READY} && echo +memory >{GROUPS}/cgroup.subtree_control")
    for group in ("ordinary", "heirs", "twins", "workers"):
        limit = f"echo {LIMIT_MB}M >{GROUPS}/{group}/memory.max"
        stage.guest.check(f"mkdir {GROUPS}/{group} && {limit}")
    stage.guest.check("echo 1 >/proc/sys/kernel/printk")


def ordinary_kill(stage: Stage) -> None:
    """A hog that the OOM killer ends."""
    pid = _start(stage, "hog", "hog", "ordinary")
    stage.guest.check(f"kill -USR1 {pid}")
    _wait_gone(stage, pid)
    if _events(stage, "ordinary")["oom_kill"] != 1:
        raise LabError("the ordinary OOM kill did not happen")


def machine_kill(stage: Stage) -> None:
    """The same for the machine: the hog is the OOM killer's favourite, whoever asks."""
    pid = _start(stage, "hog", "hog", ".", 2 * _machine_mb(stage), adjust=1000)
    stage.guest.check(f"kill -USR1 {pid}")
    _wait_gone(stage, pid)
    if _kills(stage) != 2:
        raise LabError(f"{count(_kills(stage), 'OOM kill')}, not those of the two hogs")


def respawn(stage: Stage) -> None:
    """Victims that are started again, in a group half of which is tmpfs."""
    pid = _start(stage, "respawn", "respawn", "workers")
    stage.guest.check(f"kill -USR1 {pid}")
    kills = _wait_events(stage, "workers", lambda e: e["oom_kill"] >= LEAST_KILLS)["oom_kill"]
    if kills < LEAST_KILLS:
        raise LabError(f"only {count(kills, 'OOM kill')} in {FORM_S:.0f} s")
    _hold_and_end(stage, pid, "workers")


def spin_by_inheritance(stage: Stage) -> None:
    """The child of a protected daemon runs into the limit."""
    _spin(stage, _start(stage, "guard", "heir", "heirs"), "heirs")


def spin_by_sharing(stage: Stage) -> None:
    """A process whose mm is shared by a protected one runs into the limit."""
    _spin(stage, _start(stage, "twin", "twin", "twins"), "twins")


def end_quietly(stage: Stage) -> None:
    """The kernel may print again."""
    stage.guest.check("echo 8 >/proc/sys/kernel/printk")


def disks(cache: Path, arch: Arch) -> tuple[Disk, ...]:
    """The disk with the program."""
    return (Disk("workload", program_disk(cache, arch, "oom_spin")),)


def _start(
    stage: Stage, role: str, name: str, group: str, megabytes: int = TOUCHED_MB, adjust: int = 0
) -> int:
    """Start the program in a role; the pid of the process of that name, which gets ready."""
    stage.guest.check(f"rm -f {READY}/{name}.*")
    words = f"exec /workload/oom_spin {role} {READY} {GROUPS}/{group} {megabytes}"
    prepare = f"echo {adjust} >/proc/self/oom_score_adj"
    stage.guest.check(f"{{ {prepare}; {words}; }} >/dev/console 2>&1 &")
    stage.guest.wait(f"[ -e {READY}/{name}.* ]")
    if role == "twin":
        stage.guest.wait(f"[ -e {READY}/shield ]")
    return int(stage.guest.check(f"cd {READY} && echo {name}.*").strip().rpartition(".")[2])


def _spin(stage: Stage, pid: int, group: str) -> None:
    """Let it spin, see that it does, and end it."""
    stage.guest.check(f"kill -USR1 {pid}")
    events = _wait_events(stage, group, lambda e: e["oom_kill"] > 0 or e["oom"] >= LEAST_CALLS)
    if events["oom_kill"] or events["oom"] < LEAST_CALLS:
        raise LabError(f"no livelock has formed in {group}: memory.events has {events}")
    _hold_and_end(stage, pid, group)


def _hold_and_end(stage: Stage, pid: int, group: str) -> None:
    """Let the livelock go on, end it, and leave ktrace the time to see both."""
    stage.give_time(HOLD_S, lambda trace: _told(trace, group, "update"), NOTICE_S)
    stage.guest.check(f"kill -KILL {pid}")
    _wait_gone(stage, pid)
    stage.give_time(QUIET_S, lambda trace: _told(trace, group, "resolved"), NOTICE_S)


def _told(trace: bytes, group: str, status: str) -> bool:
    """Is there a finding of that status about the group?"""
    for line in trace.splitlines():
        if b'"kind":"finding"' not in line:
            continue
        try:
            finding = json.loads(line)
        except ValueError:
            continue  # ktrace is writing it
        if (finding.get("domain"), finding["status"]) == (f"/{group}", status):
            return True
    return False


def _wait_events(
    stage: Stage, group: str, reached: Callable[[dict[str, int]], bool]
) -> dict[str, int]:
    """The group's counts as soon as they are reached, or after a while."""
    end = time.monotonic() + FORM_S
    while True:
        events = _events(stage, group)
        if reached(events) or time.monotonic() > end:
            return events
        time.sleep(_POLL_S)


def _events(stage: Stage, group: str) -> dict[str, int]:
    lines = stage.guest.check(f"cat {GROUPS}/{group}/memory.events").splitlines()
    return {name: int(count) for name, count in map(str.split, lines)}


def _machine_mb(stage: Stage) -> int:
    """A guest with bcc has more than others."""
    return int(stage.guest.check("grep '^MemTotal:' /proc/meminfo").split()[1]) // 1024


def _kills(stage: Stage) -> int:
    """Of the OOM killer, since the guest's boot."""
    return int(stage.guest.check("grep '^oom_kill ' /proc/vmstat").split()[1])


def _wait_gone(stage: Stage, pid: int) -> None:
    # who was its parent may be slow to wait for it: a zombie is dead
    stage.guest.wait(f"! grep -qs '^State:.[^Z]' /proc/{pid}/status")


OOM_LIVELOCK = Scenario(
    name="oom-livelock",
    summary="a memory cgroup without killable processes: out_of_memory() is called endlessly",
    command=ktrace_command("oom-livelock"),
    modules=(),
    disks=disks,
    arches=("amd64", "arm64"),
    steps=(
        Step("make memory cgroups of 20 MiB", make_groups),
        Step("let the OOM killer end an ordinary process", ordinary_kill),
        Step("the same when the whole machine runs out of memory", machine_kill),
        Step("run out of memory with an inherited oom_score_adj of -1000", spin_by_inheritance),
        Step("run out of memory with a protected process on the same mm", spin_by_sharing),
        Step("kill workers that are started again, beside a file on tmpfs", respawn),
        Step("let the console speak again", end_quietly),
    ),
)

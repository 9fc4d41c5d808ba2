"""Tasks of the lab's workload program: started, set going, and looked at in the guest's /proc."""

from ktrace.lab.errors import LabError
from ktrace.lab.guest import task
from ktrace.lab.scenario import Stage

READY = "/run/ready"


def prepare(stage: Stage) -> None:
    """Once, before the first is started."""
    stage.guest.check(f"mkdir {READY}")


def start(stage: Stage, program: str, role: str, *arguments: str, before: str = "") -> int:
    """Start the workload in a role; its pid. before: shell commands that it executes first."""
    words = " ".join(["exec", program, role, READY, *arguments])
    return int(stage.guest.check(f"{{ {before}{words}; }} >/dev/console 2>&1 & echo $!"))


def wait_ready(stage: Stage) -> None:
    """Wait until every task of the stage has all that it needs before it is set going."""
    count = sum(len(pids) for pids in stage.pids.values())
    stage.guest.wait(f"[ $(ls {READY} | wc -l) -eq {count} ]")


def go(stage: Stage, part: str) -> None:
    stage.guest.check("kill -USR1 " + _words(stage.pids[part]))


def kill(stage: Stage, *parts: str) -> None:
    stage.guest.check("kill -KILL " + _words([pid for part in parts for pid in stage.pids[part]]))


def wait_in(stage: Stage, part: str, function: str) -> None:
    """function: a regular expression, as functions have other names in other kernels. wchan: the
    stack is empty on 32-bit ARM."""
    for pid in stage.pids[part]:
        stage.guest.wait(f"grep -qE '{function}' /proc/{pid}/stack /proc/{pid}/wchan")


def wait_gone(stage: Stage, *parts: str) -> None:
    for part in parts:
        for pid in stage.pids[part]:
            stage.guest.wait(f"[ ! -d /proc/{pid} ]")


def facts(stage: Stage, pid: int) -> task.TaskFacts:
    return task.parse(stage.guest.check(task.question(pid)))


def check_stuck(stage: Stage, *parts: str) -> None:
    for part in parts:
        for pid in stage.pids[part]:
            found = facts(stage, pid)
            if found.state != "D" or not found.sigkill_pending:
                raise LabError(f"task {pid} ({part}) is not stuck after SIGKILL: {found}")


def _words(pids: list[int]) -> str:
    return " ".join(map(str, pids))

"""What ends a wait for other processes."""

import pytest

from ktrace.events import Holder, Task
from ktrace.waits.release import release_of
from tests.factories import task_wait

pytestmark = pytest.mark.unit

WAITER, SERVER = Task(11, 11, "app"), Task(20, 21, "server")


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("userfaultfd", "kill -KILL 20"),
        ("fanotify", "kill -KILL 20"),
        ("ptrace", "kill -KILL 20"),
        ("pipe", ""),
        ("coredump", ""),
        ("pid-namespace", ""),
    ],
)
def test_who_has_to_go_on_is_named(kind: str, command: str) -> None:
    wait = task_wait(1.0, WAITER, wait=kind, holders=(Holder(SERVER, "has it"),))
    release = release_of(wait)
    assert "server[21]" in release.text
    assert release.command == command


def test_nobody_is_killed_whom_nobody_knows() -> None:
    release = release_of(task_wait(1.0, WAITER, wait="fanotify", holders=()))
    assert "the listening process" in release.text
    assert release.command == ""


@pytest.mark.parametrize(
    ("target", "command"),
    [
        ("/sys/fs/cgroup/a/cgroup.freeze", "echo 0 > /sys/fs/cgroup/a/cgroup.freeze"),
        ("/cg/a/freezer.state", "echo THAWED > /cg/a/freezer.state"),
        ("/cg/a b;c/cgroup.freeze", "echo 0 > '/cg/a b;c/cgroup.freeze'"),
        ("", ""),
    ],
)
def test_what_thaws_a_cgroup(target: str, command: str) -> None:
    assert release_of(task_wait(1.0, WAITER, wait="freezer", target=target)).command == command


def test_many_holders_are_counted() -> None:
    holders = tuple(Holder(Task(n, n, "p"), "alive") for n in range(1, 7))
    wait = task_wait(1.0, WAITER, wait="pid-namespace", holders=holders, holders_left_out=3)
    assert "p[1], p[2], p[3], p[4] and 5 more" in release_of(wait).text

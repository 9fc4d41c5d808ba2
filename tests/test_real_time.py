"""ktrace.real_time: when ktrace has real-time priority, and when it lets others go first."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ktrace import real_time
from tests.stuck_tasks import children, wait_until
from tests.tracer import ktrace, tracer

REAL, ORDINARY = (policy | os.SCHED_RESET_ON_FORK for policy in (os.SCHED_RR, os.SCHED_OTHER))


class Scheduler:
    """In place of the kernel's: notes the policies that are set."""

    def __init__(self) -> None:
        self.policies: list[int] = []
        self.refuses = False
        self.cpu = self.time = 100.0
        self.cpus = {0}
        self.short = True

    def set(self, _pid: int, policy: int, _parameter: object) -> None:
        if self.refuses:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        self.policies.append(policy)

    def passes(self, seconds: float, cpu: float) -> None:
        self.time += seconds
        self.cpu += cpu
        real_time.balance()


@pytest.fixture
def scheduler(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scheduler]:
    fake = Scheduler()
    monkeypatch.setattr(real_time.os, "sched_setscheduler", fake.set)
    monkeypatch.setattr(real_time.os, "sched_getscheduler", lambda _: os.SCHED_OTHER)
    monkeypatch.setattr(real_time.os, "nice", lambda _: 0)
    monkeypatch.setattr(real_time.os, "sched_getaffinity", lambda _: fake.cpus)
    monkeypatch.setattr(real_time.time, "process_time", lambda: fake.cpu)
    monkeypatch.setattr(real_time.time, "monotonic", lambda: fake.time)
    monkeypatch.setattr(real_time, "_memory_is_short", lambda: fake.short)
    monkeypatch.setattr(real_time, "_limit", lambda: None)  # this process is the test's
    monkeypatch.setattr(real_time, "_taken", False)
    return fake


@pytest.mark.unit
def test_who_computes_much_is_ordinary_until_it_does_not(scheduler: Scheduler) -> None:
    assert real_time.take() == []
    scheduler.passes(2.0, cpu=0.9)
    scheduler.passes(1.0, cpu=0.9)  # too short to tell
    scheduler.passes(1.0, cpu=0.9)
    scheduler.passes(2.0, cpu=1.2)
    scheduler.cpus = {0, 1}
    scheduler.passes(2.0, cpu=1.2)
    assert scheduler.policies == [REAL, REAL, REAL, ORDINARY, ORDINARY, REAL]


@pytest.mark.unit
def test_with_several_cpus_only_while_memory_is_short(scheduler: Scheduler) -> None:
    """Else it may wait for a task that loops in the kernel, on the CPU where it was before."""
    scheduler.cpus, scheduler.short = {0, 1}, False
    assert real_time.take() == []
    scheduler.passes(2.0, cpu=0.1)
    with real_time.set_aside():
        pass
    scheduler.short = True
    scheduler.passes(2.0, cpu=0.1)
    assert scheduler.policies == [REAL, ORDINARY, ORDINARY, ORDINARY, ORDINARY, REAL]


@pytest.mark.unit
def test_what_must_not_be_interrupted_is_ordinary(scheduler: Scheduler) -> None:
    real_time.take()
    with real_time.set_aside():
        assert scheduler.policies[-1] == ORDINARY
    assert scheduler.policies[-1] == REAL


@pytest.mark.unit
def test_a_refusal_is_told_and_nothing_is_tried_again(scheduler: Scheduler) -> None:
    scheduler.refuses = True
    assert real_time.take() == [
        "ktrace may have to wait with the machine (Operation not permitted: real-time priority "
        "needs CAP_SYS_NICE)"
    ]
    scheduler.refuses = False
    scheduler.passes(5.0, cpu=0.1)
    with real_time.set_aside():
        pass
    assert scheduler.policies == []


@pytest.mark.unit
@pytest.mark.parametrize(
    ("policy", "nice", "told"),
    [(os.SCHED_OTHER, 5, "nice 5"), (os.SCHED_BATCH, 0, "scheduling policy 3")],
)
def test_what_the_user_chose_stays(
    policy: int, nice: int, told: str, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(real_time.os, "sched_getscheduler", lambda _: policy)
    monkeypatch.setattr(real_time.os, "nice", lambda _: nice)
    assert real_time.take() == [
        f"ktrace was started with {told}, and may have to wait with the machine"
    ]
    assert scheduler.policies == []


SPIN = """
import os, resource
from ktrace import real_time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
resource.setrlimit(resource.RLIMIT_RTTIME, (400_000, 400_000))  # the kernel kills at the second
assert real_time.take() == []
while os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK == os.SCHED_RR:
    pass
"""


@pytest.fixture
def not_nice() -> Iterator[None]:
    """Whoever runs the tests nicely: where the user chose, ktrace leaves it so."""
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, 0)
    yield
    os.setpriority(os.PRIO_PROCESS, 0, before)


@pytest.mark.kernel
@pytest.mark.usefixtures("not_nice")
def test_who_spins_is_ordinary_before_the_kernel_kills_it() -> None:
    assert subprocess.run([sys.executable, "-c", SPIN], timeout=60).returncode == 0


@pytest.fixture
def one_cpu() -> Iterator[None]:
    """For this process and what it starts."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


@pytest.mark.kernel
@pytest.mark.usefixtures("not_nice", "one_cpu")
def test_ktrace_and_its_writer_have_it_and_command_has_not() -> None:
    show = "import os, resource; print(os.sched_getscheduler(0), resource.getrlimit(15))"
    assert resource.RLIMIT_RTTIME == 15
    with tracer("-o", "/dev/null") as run:
        (writer,) = children(run.process.pid)
        for pid in (run.process.pid, writer):
            wait_until("it has", lambda pid=pid: os.sched_getscheduler(pid) == REAL)  # type: ignore[misc]
    done = ktrace("oom-hang", "--", sys.executable, "-c", show)
    here = (os.SCHED_OTHER, resource.getrlimit(resource.RLIMIT_RTTIME))
    assert " ".join(map(str, here)) in done.stdout


@pytest.mark.kernel
@pytest.mark.usefixtures("not_nice")
def test_a_nice_ktrace_says_so() -> None:
    nice = ["nice", "-n", "3", sys.executable, "-m", "ktrace", "oom-hang", "-d", "0", "--json"]
    done = subprocess.run(nice, capture_output=True, text=True)
    assert "ktrace was started with nice 3, and may have to wait with the machine" in done.stdout

"""Whatever system call of the live path fails, nothing is called clean that is not."""

import errno
import shutil
from pathlib import Path

import pytest

from tests.faults import Fault, Faults, first_and_last, first_only, stuck_task

pytestmark = pytest.mark.kernel


# of the faults while a task is stuck, those that a run without one has not
ACTION = {"fork", "memfd_create"}
BPF = {"bpf"}


@pytest.fixture(autouse=True)
def compiler() -> None:
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")


def broken(faults: Faults, wanted: list[Fault]) -> str:
    found = []
    for fault in wanted:
        outcome = faults.run(fault)
        found += [f"{fault}: {why}\n{outcome.err}" for why in outcome.broken()]
    return "\n".join(found)


def test_no_fault_makes_a_run_clean_that_is_not(tmp_path: Path) -> None:
    """tools/fault-table prints what becomes of each; here the first and the last of a kind fail."""
    faults = Faults(tmp_path)
    calls = faults.calls()
    assert not [fault for fault in calls if ".py" in fault.what], "imported once memory is locked"
    wanted = [f for f in first_and_last(calls) if f.call != "read" or "bpf" in f.what]
    assert {"write", "open", "poll", "epoll_wait", "fork", "fdatasync", "bpf", "mlock"} <= {
        f.call for f in wanted
    }
    assert {"python", "python+", "ktrace-file"} <= {fault.who for fault in wanted}
    assert not broken(faults, wanted)


def test_what_is_found_is_told_whatever_fails(tmp_path: Path) -> None:
    """With an action, and wait chains to be read."""
    with stuck_task():
        faults = Faults(tmp_path, stuck=True)
        wanted = [f for f in first_only(faults.calls()) if f.call in ACTION | BPF]
        assert {fault.call for fault in wanted} == ACTION | BPF
        assert [f.error for f in wanted if f.call == "fork"] == [0, errno.ENOMEM]
        assert "program run" in {fault.what for fault in wanted}  # the reader of kernel memory
        assert not broken(faults, wanted)

"""Whatever system call of the live path fails, nothing is called clean that is not."""

import errno
import shutil
from pathlib import Path

import pytest

from tests.faults import (
    ACTION,
    WATCH,
    Fault,
    Faults,
    first_and_last,
    first_only,
    stuck_behind_a_running_one,
    stuck_task,
)

pytestmark = pytest.mark.kernel


# of the other runs' faults, those that a run in which nothing happens has not
OF_ACTION = {"fork", "memfd_create", "bpf"}
OF_WATCH = {"rename", "perf_event_open"}


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
    assert {"write", "open", "poll", "fork", "fdatasync", "bpf", "mlock"} <= {
        f.call for f in wanted
    }
    assert {"python", "python+", "ktrace-file"} <= {fault.who for fault in wanted}
    assert not broken(faults, wanted)


def test_what_is_found_is_told_whatever_fails(tmp_path: Path) -> None:
    """With an action, and wait chains to be read."""
    with stuck_task():
        faults = Faults(tmp_path, ACTION)
        wanted = [f for f in first_only(faults.calls()) if f.call in OF_ACTION]
        assert {fault.call for fault in wanted} == OF_ACTION
        assert [f.error for f in wanted if f.call == "fork"] == [0, errno.ENOMEM]
        assert "program run" in {fault.what for fault in wanted}  # the reader of kernel memory
        assert not broken(faults, wanted)


def test_watch_goes_on_whatever_fails(tmp_path: Path) -> None:
    """Who runs is sampled, and a file of metrics is replaced."""
    with stuck_behind_a_running_one():
        faults = Faults(tmp_path, WATCH)
        calls = first_only(faults.calls())
        assert not [fault for fault in calls if ".py" in fault.what], "imported: memory is locked"
        own = {"the segment", "the metrics"}
        wanted = [f for f in calls if f.call in OF_WATCH or f.what in own]
        assert {fault.call for fault in wanted} >= OF_WATCH | {"open", "write", "fdatasync"}
        assert {fault.what for fault in wanted} >= own
        assert not broken(faults, wanted)

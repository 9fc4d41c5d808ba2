"""Whatever system call of the live path fails, nothing is called clean that is not."""

import shutil
from pathlib import Path

import pytest

from tests.faults import Faults, first_and_last

pytestmark = pytest.mark.kernel


def test_no_fault_makes_a_run_clean_that_is_not(tmp_path: Path) -> None:
    """tools/fault-table prints what becomes of each; here the first and the last of a kind fail."""
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")
    faults = Faults(tmp_path)
    calls = faults.calls()
    assert not [fault for fault in calls if ".py" in fault.what], "imported once memory is locked"
    wanted = first_and_last(calls)
    assert {"write", "open", "poll", "epoll_wait", "fork", "fdatasync"} <= {f.call for f in wanted}
    assert {"python", "python+", "ktrace-file"} <= {fault.who for fault in wanted}
    broken = []
    for fault in wanted:
        outcome = faults.run(fault)
        broken += [f"{fault}: {why}\n{outcome.err}" for why in outcome.broken()]
    assert not broken, "\n".join(broken)

"""Chains to a device that device-mapper has suspended, in a guest."""

import json
from pathlib import Path
from typing import Any

import pytest

from ktrace.lab.build.packages import Kernel
from ktrace.lab.runner import run_scenario
from ktrace.lab.scenarios.dm_suspend import KILLED_COUNT
from tests.lab.kernels import OWN, kernel_of

pytestmark = pytest.mark.vm

Record = dict[str, Any]
SUSPENDED = "dm-0 (suspended by device-mapper)"
RESUME = "dmsetup resume lab"


kernel = kernel_of(OWN)


@pytest.fixture(scope="module")
def records(kernel: Kernel, tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    trace: Path = tmp_path_factory.mktemp("lab") / "suspended.ktrace"
    result = run_scenario("dm-suspend", output=trace, kernel=kernel)
    assert result.exit_code == 1
    return [json.loads(line) for line in trace.read_text().splitlines()]


def opened(records: list[Record], comm: str) -> list[Record]:
    found = [r for r in records if r.get("status") == "open" and r["comm"] == comm]
    assert found
    return found


def test_a_lookup_waits_for_a_buffer(records: list[Record]) -> None:
    for finding in opened(records, "looker"):
        assert finding["waits_for"]["kind"] == "buffer"
        assert finding["waits_for"]["detail"].endswith(f" of {SUSPENDED}")
        assert finding["release"]["command"] == RESUME


def test_a_direct_read_waits_for_its_bio(records: list[Record]) -> None:
    released = {}
    for finding in opened(records, "direct"):
        assert finding["waits_for"]["kind"] == "block-io"
        released[finding["waits_for"]["detail"]] = finding["release"]["command"]
    assert released == {
        f"{SUSPENDED}, sector 0": RESUME,
        # the upper one is not suspended itself
        "dm-2 on dm-1 (suspended by device-mapper), sector 0": "dmsetup resume lower",
    }


def test_a_mkdir_waits_for_the_lock_of_the_lookups(records: list[Record]) -> None:
    (finding,) = opened(records, "maker")
    assert finding["waits_for"]["kind"] == "rwsem"
    assert finding["waits_for"]["detail"] == "i_rwsem of inode 11 of ext4 on dm-0"
    (holder,) = finding["blocked_by"]
    assert holder["why"] == "may hold the rwsem for reading"
    assert holder["tid"] in {looker["tid"] for looker in opened(records, "looker")}
    assert holder["release"]["command"] == RESUME


def test_the_holder_of_a_mutex_waits_for_a_folio(records: list[Record]) -> None:
    for finding in opened(records, "waiter"):
        assert finding["waits_for"]["detail"] == "mutex of a pipe"
        (holder,) = finding["blocked_by"]
        assert (holder["comm"], holder["killed"]) == ("holder", False)
        assert holder["wait"]["kind"] == "folio"
        assert holder["wait"]["detail"].startswith("locked, of inode ")
        assert holder["wait"]["detail"].endswith(" on dm-0, suspended by device-mapper")
        assert holder["release"]["command"] == RESUME


def test_all_die_when_the_device_is_resumed(records: list[Record]) -> None:
    outcomes = [r["outcome"]["exit_signal"] for r in records if r.get("status") == "resolved"]
    assert outcomes == [9] * KILLED_COUNT
    assert records[-1]["lost"] == 0

"""A chain through a lock, in a guest: from the killed to the disk that is stalled."""

import json
from pathlib import Path
from typing import Any

import pytest

from ktrace.lab.build.packages import Kernel
from ktrace.lab.runner import run_scenario
from ktrace.lab.scenarios import stalled_disk
from ktrace.lab.scenarios.lock_chain import WAITER_COUNT
from tests.lab.kernels import OWN, kernel_of

pytestmark = pytest.mark.vm

Record = dict[str, Any]


kernel = kernel_of(OWN)
GROUP_BYTES = stalled_disk.FILES_PER_GROUP * stalled_disk.FILE_KIB * 1024


@pytest.fixture(scope="module")
def records(kernel: Kernel, tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    trace: Path = tmp_path_factory.mktemp("lab") / "chain.ktrace"
    result = run_scenario("lock-chain", output=trace, kernel=kernel)
    assert result.exit_code == 1
    return [json.loads(line) for line in trace.read_text().splitlines()]


def opened(records: list[Record]) -> list[Record]:
    found = [r for r in records if r.get("status") == "open"]
    assert [r["comm"] for r in found] == ["waiter"] * WAITER_COUNT
    return found


def only(blocked_by: list[Record]) -> Record:
    (blocker,) = blocked_by
    return blocker


def test_the_named_holder_is_the_one_that_holds(records: list[Record]) -> None:
    """The lab started one task called holder, and only that can be inside of pipe_write()."""
    states = [r for r in records if r.get("event") == "task_state"]
    holds = {r["task"]["tid"] for r in states if r["task"]["comm"] == "holder"}
    for finding in opened(records):
        assert finding["waits_for"]["kind"] == "mutex"
        assert finding["waits_for"]["detail"] == "mutex of a pipe"
        holder = only(finding["blocked_by"])
        assert {holder["tid"]} == holds
        assert holder["why"] == "holds the mutex"
        assert not holder["killed"]


def test_the_chain_ends_at_the_stalled_disk(records: list[Record]) -> None:
    for finding in opened(records):
        holder = only(finding["blocked_by"])
        assert holder["wait"]["kind"] == "squashfs-cache"
        filler = only(holder["blocked_by"])
        assert filler["comm"] == "filler"
        assert filler["wait"]["kind"] == "block-io"
        device, sector, *_ = filler["wait"]["detail"].replace(", sector ", ", ").split(", ")
        assert device == "vdc"
        assert int(sector) * 512 >= GROUP_BYTES  # the files of group a, of noise, are before it
        assert filler["blocked_by"] == []
        assert filler["release"]["command"] == ""


def test_all_die_when_the_disk_goes_on(records: list[Record]) -> None:
    outcomes = [r["outcome"]["exit_signal"] for r in records if r.get("status") == "resolved"]
    assert outcomes == [9] * WAITER_COUNT
    assert records[-1]["lost"] == 0

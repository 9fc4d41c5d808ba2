"""The scenario oom-livelock with ktrace in the guest: what it must find, and what it must not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ktrace.detectors.livelock import Livelocks
from ktrace.errors import ExitCode
from ktrace.lab.guest.tracer import ktrace_command
from ktrace.lab.runner import run_scenario
from ktrace.lab.scenario import Stage, Step
from ktrace.lab.scenarios.oom_livelock import OOM_LIVELOCK
from tests.views.runs import analysis_of

pytestmark = pytest.mark.vm

Record = dict[str, Any]


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lab") / "oom-livelock.ktrace"
    assert run_scenario("oom-livelock", output=path).exit_code == ExitCode.FOUND
    return path


@pytest.fixture
def findings(trace: Path) -> dict[str, list[Record]]:
    """By their domain, in order."""
    found: dict[str, list[Record]] = {}
    for line in trace.read_text().splitlines():
        record = json.loads(line)
        if record["kind"] == "finding":
            found.setdefault(record["domain"], []).append(record)
    return found


def test_nobody_may_be_killed_since_minus_1000_is_inherited(
    findings: dict[str, list[Record]],
) -> None:
    opened, *updates, resolved = findings["/heirs"]
    assert (opened["status"], opened["reason"], opened["kills"]) == ("open", "nobody", 0)
    assert opened["constraint"] == "CONSTRAINT_MEMCG"
    assert opened["limit_kib"] == 20 * 1024
    assert opened["calls_per_s"] > 10
    assert opened["results"]["nobody"] >= opened["calls"] - 1, "one may be in it just now"
    assert resolved["results"]["nobody"] == resolved["calls"]
    (heir,) = opened["protected"]
    assert (heir["comm"], heir["oom_score_adj"]) == ("heir", -1000)
    assert heir["inherited_from"]["comm"] == "guard"
    assert heir["set_by"]["comm"] == "guard"
    (spinner,) = opened["spinning"]
    assert spinner["pid"] == heir["pid"]
    assert spinner["in_fault"] is True
    assert any(told["cpus"] and told["cpus"] > 0.2 for told in (opened, *updates))
    assert resolved["status"] == "resolved"
    assert (resolved["outcome"]["how"], resolved["outcome"]["signal"]) == ("signal", 9)
    assert resolved["outcome"]["after_s"] > 8


def test_the_protection_of_who_shares_the_mm(findings: dict[str, list[Record]]) -> None:
    opened = findings["/twins"][0]
    tasks = {task["comm"]: task for task in opened["protected"]}
    assert tasks.keys() == {"twin", "shield"}
    (sharer,) = tasks["twin"]["shares_mm_with"]
    assert (sharer["comm"], sharer["oom_score_adj"]) == ("shield", -1000)
    assert tasks["twin"]["set_by"]["comm"] == "shield"
    assert tasks["twin"]["inherited_from"] is None


def test_kills_that_gain_nothing(findings: dict[str, list[Record]]) -> None:
    opened, *updates, resolved = findings["/workers"]
    assert opened["reason"] == "no-gain"
    assert {"respawn", "shmem"} <= set([opened, *updates][-1]["causes"])
    assert opened["kills"] >= 5
    assert opened["freed_kib"] > 5 * 4096
    (shmem,) = [change for change in opened["memory"] if change["name"] == "shmem"]
    assert shmem["after_kib"] >= 10 * 1024
    assert resolved["status"] == "resolved"


def test_the_machine_s_kill_is_no_finding(trace: Path, findings: dict[str, list[Record]]) -> None:
    assert findings.keys() == {"/heirs", "/twins", "/workers"}
    hogs = [kill for kill in analysis_of(trace).kills.oom if kill.victim.comm == "hog"]
    choices = [kill.choice for kill in hogs if kill.choice]
    assert [choice.constraint for choice in choices] == ["CONSTRAINT_MEMCG", "CONSTRAINT_NONE"]
    assert choices[1].oom_score_adj == 1000
    # the machine reclaims again and again before it asks: counted, not sent one by one
    assert '"call":"reclaim_retry_zone"' in trace.read_text()


def test_the_ordinary_kill_has_a_complete_timeline(trace: Path) -> None:
    kill = analysis_of(trace).kills.oom[0]
    names = [step.name for step in kill.steps]
    first = ["invoked", "chosen", "SIGKILL", "marked"]
    assert names[:4] == first
    assert names[-2:] == ["mm released", "dead"]
    assert [step.t for step in kill.steps] == sorted(step.t for step in kill.steps)
    assert kill.invocation is not None
    assert kill.invocation.memcg == "/ordinary"
    assert kill.choice is not None
    assert kill.choice.anon_rss_kib > 10 * 1024


def test_thousands_of_calls_are_counted_not_sent(trace: Path) -> None:
    analysis = analysis_of(trace)
    sent = trace.read_text().count('"event":"out_of_memory"')
    assert analysis.of(Livelocks).calls > 3 * sent
    assert not analysis.lost


def test_a_cgroup_is_known_by_its_id(trace: Path, findings: dict[str, list[Record]]) -> None:
    ids = {findings[name][0]["cgroup_id"] for name in ("/heirs", "/twins", "/workers")}
    assert len(ids) == 3
    assert all(ids)
    records = [json.loads(line) for line in trace.read_text().splitlines()]
    calls = {r["memcg"]: r["cgroup_id"] for r in records if r.get("event") == "out_of_memory"}
    kills = {r["cgroup"]: r["domain_id"] for r in records if r.get("event") == "oom_kill"}
    assert calls[None] == 0
    assert calls["/heirs"] == findings["/heirs"][0]["cgroup_id"]
    assert kills["/ordinary"] == calls["/ordinary"]
    looks = [r for r in records if r.get("event") == "oom_domain" and r["memcg"] == "/heirs"]
    assert looks, "the inode number of the folder is the id"
    assert {look["cgroup_id"] for look in looks} == {calls["/heirs"]}


# The livelock goes on for three seconds when ktrace is started.
_LATE = """
mount -t ext4 -o ro /dev/disk/workload /workload
mkdir /run/ready
cd /sys/fs/cgroup
echo +memory >cgroup.subtree_control
mkdir late
echo 20M >late/memory.max
echo 1 >/proc/sys/kernel/printk
(/workload/oom_spin guard /run/ready /sys/fs/cgroup/late 64 &)
until [ -e /run/ready/heir.* ]; do sleep 0.1; done
kill -USR1 $(echo /run/ready/heir.* | sed 's/.*[.]//')
sleep 3
cd /
exec "$@"
"""


def _end(stage: Stage) -> None:
    stage.wait_traced(b'"finding":"oom-livelock"')
    stage.guest.check("kill -KILL $(echo /run/ready/heir.* | sed 's/.*[.]//')")
    stage.wait_traced(b'"status":"resolved"')


def test_a_livelock_that_began_before_tracing(tmp_path: Path) -> None:
    script = "; ".join(_LATE.strip().splitlines())  # the guest takes one line
    command = ("sh", "-c", script, "sh", *ktrace_command("oom-livelock"))
    late = replace(OOM_LIVELOCK, command=command, steps=(Step("wait for the finding", _end),))
    path = tmp_path / "late.ktrace"
    assert run_scenario(late, output=path).exit_code == ExitCode.FOUND
    records = map(json.loads, path.read_text().splitlines())
    opened, *_, resolved = (r for r in records if r["kind"] == "finding")
    assert (opened["reason"], opened["domain"]) == ("nobody", "/late")
    assert opened["calls_per_s"] > 10
    (heir,) = opened["protected"]
    assert heir["inherited_from"]["comm"] == "guard"
    assert heir["set_by"] is None
    assert resolved["outcome"]["how"] == "signal"

"""Kills for want of memory: who decided, how it ended, how short memory was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ktrace.detectors.analysis import Analysis
from ktrace.events import Event, OomMemory, Stalled, Task, Zone
from ktrace.findings import OomKillFinding, StuckTask
from ktrace.views.oom_kill import details, line
from tests.factories import (
    APP,
    SHELL,
    asked,
    dead,
    exited,
    kill,
    oom_kill,
    oom_victim,
    session,
    state,
    walk,
)

pytestmark = pytest.mark.unit

SI_KERNEL = 128
MEMORY = OomMemory(
    t=101.05,
    looked_t=100.5,
    over_s=29.5,
    page_kib=4,
    memory=(),
    left=(),
    grown=(),
    zones=(
        Zone("DMA32", 0, 8000, 4000, 5000, 6000, 9000),
        Zone("Normal", 0, 3000, 4000, 5000, 6000, 9000),
    ),
    counted=(),
    stalled=Stalled(12.5, 3.25),
)


def run(*events: Event) -> list[OomKillFinding]:
    analysis = Analysis(session(command="watch"))
    found = [finding for event in events for finding in analysis.feed(event)]
    return [finding for finding in found if isinstance(finding, OomKillFinding)]


def by_kernel(**changes: object) -> list[Event]:
    choice = replace(oom_kill(101.0), **changes)  # type: ignore[arg-type]
    return [
        replace(asked(100.9, memcg="/app.slice"), gfp_mask=choice.gfp_mask),
        choice,
        kill(101.001, APP, SHELL, SI_KERNEL),
        oom_victim(101.001),
        MEMORY,
        exited(101.1),
        dead(101.2),
    ]


@pytest.mark.parametrize(
    ("changes", "policy"),
    [
        ({}, "machine"),
        ({"constraint": "CONSTRAINT_MEMCG"}, "memory-cgroup"),
        ({"constraint": "CONSTRAINT_CPUSET"}, "cpuset"),
        ({"constraint": "CONSTRAINT_MEMORY_POLICY"}, "memory-policy"),
        ({"order": -1}, "sysrq-f"),
        ({"constraint": "7"}, "kernel"),
    ],
)
def test_the_kernel_s_reason(changes: dict[str, object], policy: str) -> None:
    assert run(*by_kernel(**changes))[0].policy == policy


def test_from_the_choice_to_the_end() -> None:
    found = run(*by_kernel(constraint="CONSTRAINT_MEMCG", cgroup="/app.slice/app.service"))
    first, told, last = found
    assert [finding.status for finding in found] == ["open", "update", "resolved"]
    assert first.id == told.id == last.id
    assert (first.comm, first.by, first.domain) == ("appd", SHELL, "/app.slice")
    assert (first.cgroup, first.unit) == ("/app.slice/app.service", "app.service")
    assert (first.zones, first.stalled) == ((), None)  # they come a moment later
    assert told.zones == last.zones == MEMORY.zones
    assert (last.stalled, last.stalled_over_s) == (MEMORY.stalled, 29.5)
    assert first.died_after_s is None
    assert last.died_after_s == 0.199
    assert last.memory_freed_after_s == pytest.approx(0.099)


def test_the_cause_comes_with_the_look_at_memory() -> None:
    causes = [finding.cause for finding in run(*by_kernel())]
    assert causes == [None, "", ""]  # no number stands out


def test_without_a_probe_on_oom_kill_process() -> None:
    """Only the mark is seen, and SIGKILL: by the kernel, and no more is known."""
    first, _ = run(
        kill(101.001, APP, SHELL, SI_KERNEL), oom_victim(101.002), dead(101.2), walk(110.0)
    )
    assert (first.policy, first.order, first.cgroup) == ("kernel", None, None)


@pytest.mark.parametrize("daemon", ["systemd-oomd", "earlyoom"])
def test_a_daemon(daemon: str) -> None:
    sender = Task(700, 700, daemon)
    first, last = run(kill(101.01, APP, sender), exited(101.1), dead(101.2), walk(110.0))
    assert (first.policy, first.by) == (daemon, sender)
    assert last.died_after_s == 0.19
    assert "sent by" in details(first)[0]


def test_a_user_is_no_oom_killer() -> None:
    assert run(kill(101.0, APP, SHELL), dead(101.2)) == []


def test_the_cgroup_is_known_from_a_look_too() -> None:
    last = run(
        kill(101.001, APP, SHELL, SI_KERNEL),
        oom_victim(101.002),
        state(102.5, cgroup="/system.slice/app.service"),
        walk(102.6, 0.2),
        dead(103.0),
    )[-1]
    assert last.unit == "app.service"


def test_one_that_hangs_is_both() -> None:
    analysis = Analysis(session(command="watch"))
    events = [*by_kernel()[:4], state(103.0), walk(103.1, 0.2)]
    found = [finding for event in events for finding in analysis.feed(event)]
    assert {type(finding) for finding in found} == {OomKillFinding, StuckTask}
    assert analysis.end().found["oom-kill"] == 1


def test_in_words() -> None:
    first, told, last = run(*by_kernel(constraint="CONSTRAINT_MEMCG"))
    assert line(first) == "OOM KILL: appd[20], by the kernel: a memory cgroup had reached its limit"
    assert details(first) == [
        "in cgroup /app.slice",
        "invoked by sh[10]",
    ]
    assert line(told) == (
        "OOM kill of appd[20]; in the 29.5s before, some task waited for memory 12.5s, all did "
        "3.2s; node 0 Normal: 3000 KiB free (min 4000, low 5000, high 6000)"
    )
    assert line(last).startswith("OOM kill over: appd[20] died 0.2s after SIGKILL")


def test_a_limit_while_the_machine_has_memory() -> None:
    told = run(*by_kernel(constraint="CONSTRAINT_MEMCG"))[1]
    enough = replace(told, zones=told.zones[:1], stalled=None)
    assert line(enough) == "OOM kill of appd[20]; no zone was below its low watermark"

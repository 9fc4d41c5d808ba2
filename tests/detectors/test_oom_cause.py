"""Why the OOM killer came, by the numbers that a trace or a log has."""

from dataclasses import replace

import pytest

from ktrace.detectors import oom_cause
from ktrace.detectors.kills import Kills
from ktrace.detectors.oom_cause import cause_of
from ktrace.detectors.oom_facts import OomFacts, Process, asked_zone, facts_of_kill
from ktrace.events import Counted, MemoryCount, OomMemory, Stalled, Zone
from tests.factories import asked, domain, domain_task, oom_kill

pytestmark = pytest.mark.unit

MIB = 1024
NORMAL = Zone("Normal", 0, 3 * MIB, 2 * MIB, 3 * MIB, 4 * MIB, 90 * MIB)
HIGH = Zone("HighMem", 0, 50 * MIB, 1 * MIB, 2 * MIB, 3 * MIB, 400 * MIB)
FACTS = OomFacts(
    order=0,
    manual=False,
    memcg=None,
    limit=None,
    total=100 * MIB,
    zone=NORMAL,
    parts={"anon": 30 * MIB, "file": 20 * MIB, "slab": 5 * MIB},
    victim=Process(20, "app", 10 * MIB, 0),
    others=(),
    over_s=20.0,
    anon_grown=1 * MIB,
    refaulted=0,
)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({}, oom_cause.UNKNOWN),
        ({"manual": True, "order": -1}, oom_cause.ASKED),
        ({"memcg": "/a"}, oom_cause.LIMIT),
        (
            {"order": 4, "zone": replace(NORMAL, free_kib=40 * MIB)},
            oom_cause.FRAGMENTATION,
        ),
        ({"order": 4}, oom_cause.UNKNOWN),
        ({"parts": {"slab": 40 * MIB, "page_tables": 15 * MIB}}, oom_cause.KERNEL_MEMORY),
        ({"parts": {"shmem": 60 * MIB, "anon": 20 * MIB}}, oom_cause.SHARED_MEMORY),
        ({"parts": {"locked": 60 * MIB, "anon": 60 * MIB}}, oom_cause.LOCKED_MEMORY),
        ({"refaulted": 21 * MIB}, oom_cause.THRASH),
        ({"refaulted": 19 * MIB}, oom_cause.UNKNOWN),
        ({"anon_grown": 12 * MIB}, oom_cause.GROWTH),
        ({"parts": {"anon": 70 * MIB}}, oom_cause.ANONYMOUS),
        ({"total": None, "anon_grown": 12 * MIB}, oom_cause.UNKNOWN),
    ],
)
def test_cause(changes: dict[str, object], cause: str) -> None:
    facts = replace(FACTS, **changes)  # type: ignore[arg-type]
    assert cause_of(facts) == cause


@pytest.mark.parametrize(
    ("gfp", "name"),
    [
        ("GFP_KERNEL|__GFP_COMP", "Normal"),
        ("GFP_HIGHUSER_MOVABLE", "HighMem"),
        ("GFP_DMA32", None),
    ],
)
def test_the_zone_that_was_asked_for(gfp: str, name: str | None) -> None:
    zone = asked_zone(gfp, (NORMAL, HIGH))
    assert (zone and zone.name) == name


def test_of_two_nodes_the_fuller() -> None:
    other = replace(NORMAL, node=1, free_kib=1 * MIB)
    assert asked_zone("GFP_KERNEL", (NORMAL, other)) == other


MEMORY = OomMemory(
    t=101.2,
    looked_t=100.5,
    over_s=20.0,
    page_kib=4,
    memory=(MemoryCount("MemTotal", 100 * MIB), MemoryCount("AnonPages", 70 * MIB)),
    left=(MemoryCount("Shmem", 60 * MIB),),
    grown=(MemoryCount("AnonPages", 30 * MIB),),
    zones=(NORMAL,),
    counted=(Counted("pgscan_direct", 500), Counted("workingset_refault_file", 5)),
    stalled=Stalled(10.0, 5.0),
)


def test_facts_of_a_kill_of_the_machine() -> None:
    kills = Kills()
    look = domain(101.3, domain_task(anon_rss_kib=9 * MIB), memcg=None)
    for event in (asked(100.9), oom_kill(101.0), MEMORY, look):
        kills.feed(event)
    (found,) = kills.oom
    facts = facts_of_kill(found)
    assert facts is not None
    assert (facts.total, facts.zone, facts.stalled, facts.scanned) == (100 * MIB, NORMAL, 0.25, 500)
    assert (facts.anon_grown, facts.refaulted) == (30 * MIB, 20)
    assert facts.parts["shmem"] == 60 * MIB  # it came after the last look before the kill
    assert cause_of(facts) == oom_cause.SHARED_MEMORY


def test_memory_is_of_the_kills_before_it_that_have_none() -> None:
    kills = Kills()
    later = replace(MEMORY, t=201.0)
    for event in (oom_kill(101.0), MEMORY, oom_kill(200.0), later):
        kills.feed(event)
    assert [found.memory for found in kills.oom] == [MEMORY]  # of one pid, killed once


def test_nobody_looked() -> None:
    kills = Kills()
    kills.feed(oom_kill(101.0))
    (found,) = kills.oom
    assert facts_of_kill(found) is None

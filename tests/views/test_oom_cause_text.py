"""Why the OOM killer came, in sentences."""

from dataclasses import replace

import pytest

from ktrace.detectors.kills import Kills
from ktrace.detectors.oom_facts import OomFacts, Process
from ktrace.events import Zone
from ktrace.views.oom_cause_text import chosen, sentence, state, why_lines
from tests.factories import oom_kill

pytestmark = pytest.mark.unit

MIB = 1024
FACTS = OomFacts(
    order=0,
    manual=False,
    memcg=None,
    limit=None,
    total=128 * MIB,
    zone=Zone("Normal", 0, 3 * MIB, 2 * MIB, 2560, 3 * MIB, 90 * MIB),
    parts={"anon": 30 * MIB, "file": 8 * MIB, "slab": 5 * MIB, "shmem": 0, "swap_total": 0},
    victim=Process(20, "app", 10 * MIB, 0),
    others=(),
    over_s=20.0,
    anon_grown=1 * MIB,
    refaulted=0,
    scanned=500,
    reclaimed=3,
    stalled=0.25,
)
BIG, SMALL = Process(7, "db", 90 * MIB, -500), Process(8, "sh", 1 * MIB, 0)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({}, "not known: no number stands out"),
        ({"manual": True}, "SysRq-f asked for it"),
        (
            {"memcg": "/a\x1b", "limit": 64 * MIB},
            "memory cgroup /a\\x1b reached its limit of 64 MiB; app[20] 10 MiB resident",
        ),
        (
            {"memcg": "/a", "limit": 64 * MIB, "parts": {"shmem": 40 * MIB}, "victim": None},
            "memory cgroup /a reached its limit of 64 MiB, shared memory 40 MiB",
        ),
        (
            {"order": 4, "zone": replace(FACTS.zone, free_kib=80 * MIB)},  # type: ignore[type-var]
            "fragmentation: no free block of order 4, though Normal has 80 MiB free "
            "(minimum 2.0 MiB)",
        ),
        ({"parts": {"slab": 80 * MIB}}, "the kernel itself has 80 MiB of 128 MiB"),
        (
            {"parts": {"shmem": 80 * MIB}},
            "shared memory (tmpfs, shmem) has 80 MiB of 128 MiB: ending a process may not free it",
        ),
        ({"parts": {"locked": 80 * MIB}}, "locked memory has 80 MiB of 128 MiB"),
        (
            {"refaulted": 30 * MIB},
            "thrash: 1.5 MiB/s of file pages were read again soon after reclaim had dropped them, "
            "with 8.0 MiB of file pages in memory; anonymous memory has 30 MiB of 128 MiB, "
            "without swap",
        ),
        (
            {"memcg": "/a", "limit": 64 * MIB, "total": 64 * MIB, "anon_grown": 20 * MIB},
            "memory cgroup /a reached its limit of 64 MiB; app[20] 10 MiB resident; its anonymous "
            "memory grew by 1.0 MiB/s for 20.0s: a leak, or it needs more than the limit",
        ),
        (
            {"anon_grown": 20 * MIB, "parts": {"anon": 70 * MIB}},
            "anonymous memory grew by 1.0 MiB/s for 20.0s, to 70 MiB of 128 MiB: a leak, or more "
            "than there is; the largest: app[20] 10 MiB",
        ),
        (
            {"parts": {"anon": 70 * MIB, "swap_total": 9, "swap_free": 0}},
            "processes have 70 MiB of 128 MiB as anonymous memory, with 0 KiB of swap free; that "
            "it grew was not seen",
        ),
    ],
)
def test_sentence(changes: dict[str, object], text: str) -> None:
    assert sentence(replace(FACTS, **changes)) == text  # type: ignore[arg-type]


def test_state() -> None:
    assert state(FACTS) == (
        "Normal 3.0 MiB free (min 2.0 MiB, low 2.5 MiB); anonymous 30 MiB, file 8.0 MiB, "
        "unreclaimable slab 5.0 MiB; reclaim got 3 of 500 scanned pages in 20.0s; "
        "all tasks waited for memory 25% of that time"
    )


@pytest.mark.parametrize(
    ("others", "adj", "text"),
    [
        ((), 0, ""),
        (
            (SMALL,),
            0,
            "app[20] 10 MiB and oom_score_adj 0: the largest; then sh[8] 1.0 MiB",
        ),
        (
            (BIG, SMALL),
            300,
            "app[20] 10 MiB and oom_score_adj 300: by oom_score_adj; larger were db[7] 90 MiB "
            "(-500)",
        ),
        (
            (replace(BIG, oom_score_adj=0),),
            0,
            "app[20] 10 MiB and oom_score_adj 0; when it was dead, db[7] 90 MiB were larger",
        ),
    ],
)
def test_why_this_one(others: tuple[Process, ...], adj: int, text: str) -> None:
    victim = Process(20, "app", 10 * MIB, adj)
    assert chosen(replace(FACTS, victim=victim, others=others)) == text


def test_a_kill_of_which_nobody_knows_more() -> None:
    kills = Kills()
    kills.feed(oom_kill(101.0))
    assert why_lines(kills.oom[0]) == []

"""What is shown of squashfs: lines, advice that follows from numbers, tables, the screen."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console, Group

from ktrace.detectors.analysis import Analysis
from ktrace.events import Event, ProbeCost, Task
from ktrace.findings import Probe, SquashfsThrash, SquashfsWaiter
from ktrace.views import squashfs as view
from tests.factories import APP, CACHE_STACK, FILLER_STACK, call, session, state, walk
from tests.squashfs import READER, cache_use, counts, read, waited

pytestmark = pytest.mark.unit

PROBES = ("squashfs_cache_get", "squashfs_read_data", "squashfs_cache_put")
BEGUN = counts(101.0, cache_use())


def analysis(*events: Event, command: str = "squashfs", state: str = "attached") -> Analysis:
    probes = tuple(Probe(name, "kprobe", state) for name in PROBES)
    made = Analysis(session(command=command, probes=probes))
    for event in events:
        made.feed(event)
    return made


def thrash(**changed: Any) -> SquashfsThrash:
    made = Analysis(session(command="squashfs"))
    found = [f for event in (BEGUN, counts(105.0, waited())) for f in made.feed(event)]
    (finding,) = (f for f in found if isinstance(f, SquashfsThrash))
    return replace(finding, **changed)


def test_a_line_says_where_and_how_much() -> None:
    assert view.line(thrash()) == (
        "SQUASHFS THRASH: fragment cache of loop0 (/data): 30 of 40 blocks (75%) read in 5.0s had "
        "been read within 10s before"
    )
    assert view.line(thrash(status="update")).startswith("still thrashing: fragment cache")
    over = view.line(thrash(status="resolved", since_t=100.0, t=130.0))
    assert over == "squashfs thrash over: fragment cache of loop0 (/data), after 30.0s"


def test_details_give_bytes_times_and_files() -> None:
    text = "\n".join(view.details(thrash()))
    assert "read 20 MiB, decompressed 40 MiB, of that again 30 MiB; 160 KiB were used" in text
    assert "2.4s waiting for the disk, 1.6s decompressing, 1.0s asleep for an entry" in text
    assert "10 slept until one of 3 entries was free, 2 until another" in text
    assert "longest wait for an entry so far: 160ms, reader[20]" in text
    assert "for /bin/app (inode 12): 31 blocks, 87% again, 3.0 MiB, 500ms asleep" in text


def test_details_say_who_waits_and_for_whom() -> None:
    waiter = SquashfsWaiter(
        READER, 3.2, "fragment", "loop0", (APP,), "reads the block that it waits for", "bio_await"
    )
    assert view.details(thrash(waiters=(waiter,)))[4:6] == [
        "for /bin/app (inode 12): 31 blocks, 87% again, 3.0 MiB, 500ms asleep",
        f"asleep: reader[20] for 3.2s, fragment cache of loop0: {APP.comm}[{APP.tid}]: reads the "
        "block that it waits for, and is asleep in bio_await()",
    ]


def test_what_was_not_measured_is_said() -> None:
    unknown = ("bytes_read", "bytes_used", "disk_s", "inflate_s", "hits", "refaults_kib")
    finding = thrash(**dict.fromkeys(unknown), cache="files")
    text = "\n".join(view.details(finding))
    assert "read not measured" in text
    assert "how much of it was used is not measured" in text
    assert "waiting for the disk (not measured), decompressing (not measured)" in text
    assert "hits" not in text
    assert view.prose(finding) == {"advice": []}


def test_bytes_that_were_not_measured_are_no_advice() -> None:
    blind = dict.fromkeys(("bytes_read", "bytes_inflated", "bytes_again"))
    finding = thrash(**blind, refaults_kib=0)
    assert "read not measured, decompressed not measured, of that again not measured" in "\n".join(
        view.details(finding)
    )
    assert not [text for text in view.prose(finding)["advice"] if "block size" in text]


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"refaults_kib": 20 << 10}, "memory: 20 MiB of file pages"),
        ({"refaults_kib": 0}, "more memory is not likely to help"),
        ({"refaults_kib": 100}, "memory: 100 KiB of file pages"),
        ({}, "block size: 256.0 times as much was decompressed as used"),
        ({}, "cache size: 12% of the calls waited for a free entry of 3; a kernel with a larger"),
    ],
)
def test_advice_follows_from_the_numbers(changed: dict[str, Any], wanted: str) -> None:
    assert any(wanted in text for text in view.prose(thrash(**changed))["advice"])


@pytest.mark.parametrize(
    ("changed", "unwanted"),
    [
        ({"bytes_used": 30 << 20}, "block size"),
        ({"slept_full": 7}, "cache size"),
        ({"refaults_kib": 4}, "memory: "),
        ({"cache": "metadata"}, "CONFIG_SQUASHFS_FRAGMENT_CACHE_SIZE"),
        ({"cache": "metadata"}, "mksquashfs"),
    ],
)
def test_advice_that_the_numbers_do_not_bear_is_not_given(
    changed: dict[str, Any], unwanted: str
) -> None:
    assert not any(unwanted in text for text in view.prose(thrash(**changed))["advice"])


def test_the_report_has_the_worst_numbers_and_the_tables() -> None:
    made = analysis(BEGUN, counts(105.0, waited()))
    first = thrash()
    told = {first.id: [first, replace(first, status="update", fills=90, bytes_again=1 << 40)]}
    lines = view.report(made, told)
    assert lines[0].startswith("SQUASHFS THRASH: fragment cache of loop0 (/data): 30 of 90 blocks")
    assert any("still going on when tracing ended" in text for text in lines)
    assert any(
        re.match(r"loop0 fragment +80 +50% +40 +75% +20.0M +40.0M +160K", text) for text in lines
    )
    assert "     4ms      10 ########################################" in lines
    assert "   131ms       2 ########" in lines
    assert "  longest hold: 160ms, reader[20]" in lines
    assert lines[-len(view.report(made, {})) :] == view.report(made, {})
    assert "waits for an entry, fragment cache of loop0 (/data):" in view.report(made, {})
    assert view.report(analysis(), {}) == []


def test_the_summary_says_what_was_seen() -> None:
    made = analysis(BEGUN, counts(105.0, read(40, 19)))
    lines = view.summary(made, brief=False)
    assert lines[0] == "squashfs: 40 blocks read in 5.0s, 19 of them again"
    assert len(lines) > 1
    assert view.summary(made, brief=True) == lines[:1]


def test_nothing_measured_is_not_nothing_read() -> None:
    for word, why in (("waiting", "the module is not loaded"), ("missing", "no probe")):
        made = analysis(state=word)
        assert view.summary(made, brief=False) == [f"squashfs: not measured, {why}"]
        assert why.split()[-1] in drawn(made)[0]


def drawn(made: Analysis, width: int = 80, height: int = 18) -> list[str]:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    with console.capture() as capture:
        console.print(Group(*view.body().lines(made, 106.0, width, height)))
    return [line.rstrip() for line in capture.get().splitlines()]


def test_the_screen() -> None:
    lines = drawn(analysis(BEGUN, counts(105.0, waited())))
    assert lines[0] == "squashfs  in the last 6.0s"
    assert re.match(r"CACHE +USE +.*HITS +BLOCKS/s +AGAIN", lines[1])
    assert re.match(r"fragment .*3/3 .*50% +6.7 +75%", lines[2])
    assert any(text.startswith("THRASH  fragment cache of loop0") for text in lines)
    assert all(len(text) <= 80 for text in lines)


COSTS = {
    "costs": (
        ProbeCost("squashfs_cache_get", 4000, 2_400_000),
        ProbeCost("squashfs_read_data", 1000, 1_800_000),
        ProbeCost("squashfs_read_folio", 0, 0),
    ),
    "costs_over_s": 2.0,
}


def test_what_a_call_costs() -> None:
    made = analysis(BEGUN, counts(105.0, waited(), **COSTS))
    (line,) = (text for text in drawn(made, height=60) if text.startswith("Cost of the probes"))
    assert "0.21% of a CPU; for a call of cache_get 600ns, read_" in line
    rows = [" ".join(text.split()) for text in view.summary(made, brief=False)[-3:]]
    assert rows == [
        "PROBE CALLS EACH OF A CPU",
        "squashfs_cache_get 4000 600ns 0.12%",
        "squashfs_read_data 1000 1800ns 0.09%",
    ]


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ({}, "not measured yet"),
        ({"no_costs": "switch statistics on: EPERM"}, "not measured: switch statistics on: EPERM"),
        ({"costs_over_s": 1.0}, "no call in 1.0s of measuring"),
    ],
)
def test_a_cost_that_was_not_measured_is_not_0(known: dict[str, Any], told: str) -> None:
    made = analysis(BEGUN, counts(105.0, waited(), **known))
    assert f"cost per call of the probes: {told}" in view.summary(made, brief=False)
    assert f"Cost of the probes  {told}" in drawn(made, height=60)


def test_where_there_is_little_room_texts_are_cut() -> None:
    made = analysis(BEGUN, counts(105.0, waited()))
    whole, small = drawn(made, height=60), drawn(made, height=18)
    assert len(whole) > 18
    for text in ("THRASH", "Files for which", "Waits for an entry", "Cost of the probes"):
        assert any(line.startswith(text) for line in small)
    assert "     4ms      10 ########################################" in whole
    assert "  4ms 83%  131ms 17%" in small
    assert not any("not shown" in line for line in small)


def test_who_is_asleep_for_an_entry_and_for_whom() -> None:
    filler = Task(30, 30, "filler")
    waiter = state(103, APP, killed=(), stack=CACHE_STACK, squashfs=call(4096), asleep_t=101.0)
    holder = state(103, filler, killed=(), stack=FILLER_STACK, squashfs=call(4096))
    made = analysis(waiter, holder, walk(104), counts(105.0, read(4)))
    lines = drawn(made, width=120)
    assert "Asleep for an entry  1 thread at the newest walk, 2.0s ago" in lines
    assert any("for 3.0s, fragment cache of" in text for text in lines)
    assert any("filler[30]: reads the block that it waits for" in text for text in lines)


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("height", [0, 1, 5, 18, 60])
def test_it_fits_every_terminal(width: int, height: int) -> None:
    made = analysis(BEGUN, counts(105.0, waited(), read(30, 30, cache="0x0", name="files")))
    lines = drawn(made, width, height)
    assert len(lines) <= max(1, height)
    assert all(len(text) <= width for text in lines)


def test_names_that_a_terminal_could_obey_are_made_safe() -> None:
    evil = "\x1b[31m"
    made = analysis(counts(105.0, waited(device=evil, mount=evil, name=evil)))
    assert "\x1b" not in "\n".join([*drawn(made), *view.summary(made, brief=False)])

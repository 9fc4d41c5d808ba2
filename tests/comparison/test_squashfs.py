"""Runs of `ktrace squashfs` compared: by what was decompressed for a read of pages."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ktrace.commands.compare import exit_code
from ktrace.comparison.runs import Run, read_runs
from ktrace.comparison.squashfs_reads import SquashfsReads
from ktrace.comparison.verdict import Comparison, compare
from ktrace.errors import ExitCode
from ktrace.findings import End, Probe
from ktrace.trace.writer import TraceWriter
from ktrace.views.compare_json import json_text
from ktrace.views.compare_ktap import ktap_lines
from ktrace.views.compare_text import text_lines
from tests.factories import session
from tests.squashfs import MIB, cache_use, counts, read

pytestmark = pytest.mark.unit

KIB = 1024


def reads(kib: float, number: int = 100, **changed: Any) -> SquashfsReads:
    """So much decompressed for each of so many reads."""
    made = SquashfsReads(
        reads=number,
        blocks=50,
        again=40,
        bytes_read=MIB,
        bytes_inflated=int(kib * KIB * number),
        bytes_again=MIB,
        thrashes=1,
        files=frozenset(("/bin/app", "/bin/other")),
    )
    return replace(made, **changed)


def side(name: str, *kib: float, **changed: Any) -> list[Run]:
    return [
        Run(
            file=f"{name}{number}",
            session=session(command="squashfs", boot_id=f"{name}{number}"),
            duration_s=30.0,
            stuck_after=1.0,
            victims=(),
            unseen=0,
            oom_invocations=None,
            oom_kills=None,
            bad_pages=None,
            doubts=(),
            probes={},
            squashfs=reads(value, **changed),
        )
        for number, value in enumerate(kib)
    ]


LARGE = (800.0, 810.0, 790.0)
SMALL = (130.0, 120.0, 125.0)


def compared(before: Sequence[Run], after: Sequence[Run], **options: Any) -> Comparison:
    return compare(before, after, **options)


def test_less_is_better_and_none_is_fixed() -> None:
    found = compared(side("a", *LARGE), side("b", *SMALL))
    assert (found.verdict, exit_code(found)) == ("better", ExitCode.CLEAN)
    assert found.why == (
        "fewer KiB decompressed for a read of pages (p = 0.05); 3 of 3 runs of AFTER thrash, "
        "3 of BEFORE's"
    )
    gone = compared(side("a", *LARGE), side("b", *SMALL, thrashes=0))
    assert (gone.verdict, exit_code(gone)) == ("fixed", ExitCode.CLEAN)


def test_a_run_in_doubt_is_never_fixed() -> None:
    after = side("b", *SMALL, thrashes=0)
    after[1] = replace(after[1], doubts=("3 events lost",))
    found = compared(side("a", *LARGE), after)
    assert found.verdict == "better"
    assert "in doubt: 3 events lost" in found.why


def test_more_is_worse() -> None:
    found = compared(side("a", *SMALL), side("b", *LARGE))
    assert (found.verdict, exit_code(found)) == ("worse", ExitCode.FOUND)


def test_less_for_each_read_but_slower_is_worse() -> None:
    """A change that only slows everything down must not look like a cure."""
    slow = side("b", *SMALL, number=20)
    found = compared(side("a", *LARGE), slow)
    assert found.verdict == "worse"
    assert "milliseconds of the run for a read of pages" in found.why


def test_as_before_and_too_few_runs() -> None:
    same = compared(side("a", *LARGE), side("b", 805.0, 795.0, 808.0))
    assert same.verdict in ("not fixed", "not enough data")
    few = compared(side("a", *LARGE[:2]), side("b", *SMALL[:2]))
    assert (few.verdict, few.more_runs) == ("not enough data", 1)
    assert exit_code(few) is ExitCode.INCONCLUSIVE


def test_bytes_that_were_not_measured_are_no_verdict() -> None:
    """Of blocks that were counted: 0 would be better than anything before."""
    blind = side("b", *SMALL, bytes_read=None, bytes_inflated=None, bytes_again=None)
    found = compared(side("a", *LARGE), blind)
    assert found.verdict == "not enough data"
    assert "no run of AFTER counted reads of squashfs's pages and what was" in found.why
    assert any("not measured" in line for line in text_lines(found))


def test_what_was_not_measured_is_no_verdict() -> None:
    blind = [replace(one, squashfs=None) for one in side("b", *SMALL)]
    found = compared(side("a", *LARGE), blind)
    assert found.verdict == "not enough data"
    assert "no run of AFTER counted reads" in found.why
    assert any("not measured" in line for line in text_lines(found))
    idle = compared(side("a", *LARGE), side("b", *SMALL, number=0))
    assert idle.verdict == "not enough data"


def test_other_files_are_other_work() -> None:
    after = side("b", *SMALL, files=frozenset(("/lib/x", "/lib/y")))
    found = compared(side("a", *LARGE), after)
    assert found.verdict == "not comparable"
    assert found.differences == ("other files were read in AFTER: 0% are the same",)
    anyway = compared(side("a", *LARGE), after, ignore_differences=True)
    assert (anyway.verdict, anyway.ignored) == ("better", True)


def test_the_same_runs_on_both_sides() -> None:
    runs = side("a", *LARGE)
    assert compared(runs, runs).verdict == "not comparable"


def test_runs_of_other_commands_are_judged_as_ever() -> None:
    (other,) = side("x", 100.0)
    mixed = [replace(other, session=session()), *side("a", *LARGE)]
    assert compared(mixed, side("b", *SMALL)).target.name != "squashfs-decompressed"


def test_all_formats_have_the_numbers() -> None:
    found = compared(side("a", *LARGE), side("b", *SMALL))
    text = "\n".join(text_lines(found))
    assert re.search(r"for a read of pages +800 KiB +125 KiB", text)
    assert "SIGKILL" not in text
    data = json.loads(json_text(found, exit_code(found)))
    assert (data["verdict"], data["exit_code"]) == ("better", 0)
    assert data["after"]["run"][0]["squashfs"]["files"] == ["/bin/app", "/bin/other"]
    assert any(line.startswith("ok 2 ") for line in ktap_lines(found))


def test_what_a_trace_says(tmp_path: Path) -> None:
    probes = (
        "squashfs_cache_get",
        "squashfs_read_data",
        "squashfs_cache_put",
        "squashfs_readahead",
    )
    attached = tuple(Probe(name, "kprobe", "attached") for name in probes)
    trace = tmp_path / "a.ktrace"
    writer = TraceWriter(trace)
    writer.write_session(session(command="squashfs", probes=attached))
    files = cache_use(cache="0x0", name="files", calls=7)
    writer.write_event(counts(101.0, cache_use()))
    writer.write_event(counts(105.0, read(40, 30), files))
    writer.write_end(End(t=106.0, lost=0, findings=1, verdict="found"))
    assert writer.close()
    ((found,), warnings) = read_runs([str(trace)], None)
    assert (found.squashfs, warnings, found.doubts) == (
        SquashfsReads(
            reads=7,
            blocks=40,
            again=30,
            bytes_read=20 * MIB,
            bytes_inflated=40 * MIB,
            bytes_again=30 * MIB,
            thrashes=1,
            files=frozenset(("/bin/app",)),
        ),
        [],
        (),
    )


def test_a_trace_whose_blocks_have_no_bytes(tmp_path: Path) -> None:
    attached = tuple(Probe(name, "kprobe", "attached") for name in ("squashfs_readpage",))
    trace = tmp_path / "a.ktrace"
    writer = TraceWriter(trace)
    writer.write_session(session(command="squashfs", probes=attached))
    blind = read(40, 30, bytes_read=0, bytes_inflated=0, bytes_again=0)
    writer.write_event(counts(105.0, blind, read(5, cache="0x0", name="files")))
    assert writer.close()
    ((found,), _) = read_runs([str(trace)], None)
    assert found.squashfs
    assert (found.squashfs.blocks, found.squashfs.bytes_inflated) == (45, None)


def test_a_trace_without_those_probes_measured_nothing(tmp_path: Path) -> None:
    trace = tmp_path / "a.ktrace"
    writer = TraceWriter(trace)
    writer.write_session(session(command="squashfs"))
    assert writer.close()
    ((found,), _) = read_runs([str(trace)], None)
    assert found.squashfs is None
    assert found.doubts

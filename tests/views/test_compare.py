"""A comparison in all its formats."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ktrace.commands.compare import exit_code
from ktrace.comparison.verdict import Comparison, compare
from ktrace.findings import Probe
from ktrace.views.compare_json import json_text
from ktrace.views.compare_junit import junit_text
from ktrace.views.compare_ktap import ktap_lines
from ktrace.views.compare_text import text_lines
from tests.comparison.runs import fixed, hang, quick, runs, stuck, victim
from tests.factories import kill, state, walk

pytestmark = pytest.mark.unit

HOSTILE = "\x1b[2J#\x00\ufffe<&"


@pytest.fixture
def is_fixed(tmp_path: Path) -> Comparison:
    return compare(runs(tmp_path, "before", *[hang()] * 3), runs(tmp_path, "after", *[fixed()] * 3))


@pytest.fixture
def hostile(tmp_path: Path) -> Comparison:
    events = stuck(victim(20, HOSTILE), stack=(f"{HOSTILE}+0x1",))
    changes = {"kernel": HOSTILE, "host": HOSTILE, "command": HOSTILE}
    before = runs(tmp_path, "a", *[events] * 3, **changes)
    return compare(before, runs(tmp_path, "b", *[events] * 3), warnings=[HOSTILE])


def test_text_says_it_all(is_fixed: Comparison) -> None:
    text = "\n".join(text_lines(is_fixed))
    assert text.startswith(
        "verdict: fixed\n"
        "  AFTER has no victims stuck in squashfs_cache_get any more (p = 0.05)\n"
        "  not covered: 3 stuck in submit_bio_wait, wait_for_completion, up to 10.0s\n"
    )
    for line in (
        "stuck victims                12 (100%)           3 (25%)",
        "died by                      12 SIGKILL          12 SIGKILL",
        "  median   10.0s   20 ms",
        "squashfs_cache_get  wait_event           9: 10.0s, at most 10.0s  -",
        "submit_bio_wait     wait_for_completion  3: 10.0s, at most 10.0s  3: 10.0s, at most 10.0s",
        "  victims stuck in squashfs_cache_get: 0.75 0.75 0.75 and 0 0 0; p fewer 0.05, p more 1",
    ):
        assert line.split() in [shown.split() for shown in text.splitlines()]


def test_the_way_of_dying_is_told(tmp_path: Path) -> None:
    sigbus = runs(tmp_path, "after", quick(victim(20), exit_code=7))
    text = "\n".join(text_lines(compare(runs(tmp_path, "before", hang()), sigbus)))
    assert "4 SIGKILL" in text
    assert "1 SIGBUS" in text


def test_who_outlives_the_trace_is_told(tmp_path: Path) -> None:
    events = [kill(101.0), state(102.0), walk(102.0005)]
    before = runs(tmp_path, "before", events)
    text = "\n".join(text_lines(compare(before, runs(tmp_path, "after", []))))
    assert "1 still alive" in text
    assert "  at least: SIGKILL or the death of 1 (BEFORE) and 0 (AFTER) was not seen" in text


def test_nobody_was_killed(tmp_path: Path) -> None:
    nothing = compare(runs(tmp_path, "before", []), runs(tmp_path, "after", []))
    assert "No victim was stuck." in text_lines(nothing)
    assert nothing.why == "no run of BEFORE killed anything: nothing was measured"


def test_json(is_fixed: Comparison) -> None:
    data = json.loads(json_text(is_fixed, exit_code(is_fixed)))
    assert (data["kind"], data["verdict"], data["exit_code"]) == ("comparison", "fixed", 0)
    assert data["function"] == "squashfs_cache_get"
    assert data["test"]["target"]["p_fewer"] == 0.05
    assert data["before"]["times"]["median_s"] == 10.0
    assert data["after"]["run"][0]["victims"][0]["after_s"] == 0.02
    assert data["before"]["died_by"] == {"9": 12}


def test_ktap(is_fixed: Comparison) -> None:
    lines = ktap_lines(is_fixed)
    assert lines[:2] == ["KTAP version 1", "1..4"]
    results = [line for line in lines[2:] if not line.startswith("#")]
    assert [line.partition(" #")[0] for line in results] == [
        "ok 1 comparable work",
        "ok 2 fixed: victims stuck in squashfs_cache_get",
        "ok 3 no more victims stuck",
        "ok 4 no more bad pages",
    ]


@pytest.fixture
def other_work(tmp_path: Path) -> Comparison:
    sleeps = [quick(victim(pid, "sleep")) for pid in (20, 21, 22)]
    return compare(runs(tmp_path, "before", *[hang()] * 3), runs(tmp_path, "after", *sleeps))


def test_not_comparable_in_every_format(other_work: Comparison) -> None:
    code = exit_code(other_work)
    data = json.loads(json_text(other_work, code))
    assert (data["verdict"], data["exit_code"], code) == ("not comparable", 4, 4)
    assert (len(data["differences"]), data["differences_ignored"]) == (2, False)
    suite = ElementTree.fromstring(junit_text(other_work))
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("1", "1", "2")
    results = [line for line in ktap_lines(other_work)[2:] if not line.startswith("#")]
    assert [line.split()[0] for line in results] == ["not", "not", "ok", "ok"]
    assert text_lines(other_work)[:4] == [
        "verdict: not comparable",
        "  the two sides did not do comparable work (--ignore-differences overrides this):",
        *(f"  - {text}" for text in data["differences"]),
    ]


def test_not_enough_data_is_no_success_for_junit(tmp_path: Path) -> None:
    undecided = compare(runs(tmp_path, "a", hang()), runs(tmp_path, "b", fixed()))
    suite = ElementTree.fromstring(junit_text(undecided))
    assert (suite.get("failures"), suite.get("errors")) == ("0", "1")


def test_what_was_not_measured_is_shown_so(tmp_path: Path) -> None:
    probes = tuple(Probe(name, "tp_btf", "attached") for name in ("signal_generate", "task"))
    sides = [runs(tmp_path, "a", hang()), runs(tmp_path, "b", hang(), probes=probes)]
    comparison = compare(sides[0], sides[1])
    lines = [" ".join(line.split()) for line in text_lines(comparison)]
    assert "of them by the OOM killer 0 not measured" in lines
    assert "OOM invocations 0 not measured" in lines
    assert "bad pages 0 not measured" in lines
    data = json.loads(json_text(comparison, exit_code(comparison)))["after"]
    assert (data["oom_invocations"], data["oom_kills"], data["kills_by_oom"]) == (None,) * 3
    assert (data["run"][0]["oom_invocations"], data["run"][0]["oom_kills"]) == (None, None)


def test_ktap_of_not_fixed_and_of_not_enough(tmp_path: Path) -> None:
    one, other = runs(tmp_path, "a", hang()), runs(tmp_path, "b", hang())
    assert any(line.startswith("not ok 2 fixed: ") for line in ktap_lines(compare(one, other)))
    (line,) = (
        line
        for line in ktap_lines(compare(one, runs(tmp_path, "c", fixed())))
        if line.startswith("not ok 2 ")
    )
    assert "# AFTER has no victims" in line


def test_junit(is_fixed: Comparison, hostile: Comparison) -> None:
    suite = ElementTree.fromstring(junit_text(is_fixed))
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "0", "0")
    suite = ElementTree.fromstring(junit_text(hostile))
    assert (suite.get("failures"), suite.get("skipped")) == ("1", "1")
    assert suite.find("testcase/failure") is not None


def test_no_escapes(hostile: Comparison) -> None:
    for text in (
        "\n".join(text_lines(hostile)),
        "\n".join(ktap_lines(hostile)),
        junit_text(hostile),
        json_text(hostile, exit_code(hostile)),
    ):
        assert "\x1b" not in text
        assert "\x00" not in text


def test_a_hostile_name_makes_no_ktap_directive(hostile: Comparison) -> None:
    results = [line for line in ktap_lines(hostile)[2:] if not line.startswith("#")]
    assert all(line.count(" #") <= 1 for line in results if "fixed" in line)

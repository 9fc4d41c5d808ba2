"""Reports that are alike tell what they tell line by line."""

import io
import random
import re
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.dense_logs import KINDS, reports
from ktrace.events import Event
from ktrace.sources.log import repeats, scanner
from ktrace.sources.log.repeats import Repeats
from ktrace.sources.log.source import KernelLogSource
from tests.sources.log.samples import ALL, stamped
from tests.sources.log.test_bulk import LINES, MEMORY, TABLE, WITH_REGISTERS

pytestmark = pytest.mark.unit

V6_12_HUNG = """\
INFO: task sync:377 blocked for more than 120 seconds.
      Not tainted 6.12.48+deb13-cloud-amd64 #1 Debian 6.12.48-1
"echo 0 > /proc/sys/kernel/hung_task_timeout_secs" disables this message.
task:sync            state:D stack:0     pid:377   tgid:377   ppid:1      flags:0x00004002
Call Trace:
 <TASK>
 __schedule+0x505/0xbf0
 schedule+0x27/0xf0
 wb_wait_for_completion+0x56/0x90
 sync_inodes_sb+0xd6/0x2c0
 </TASK>
"""
OOM = ALL[-1].splitlines()
OOM[3:3] = f"{MEMORY}{TABLE.replace('oom BUG: x', 'x')}".splitlines()
REPORTS = (*ALL, WITH_REGISTERS, V6_12_HUNG, "\n".join(OOM) + "\n")
NAMES = ("dd", "app", "kworker/u8:3", "3Dx", "oom", "a b", "(sd-pam)", "x=3D", "BUG:", "&lt;", "c")
_NUMBER = re.compile(r"(?<![\w.+-])\d{1,5}(?![\w.])")


def told(log: str, chunk: int = 2500) -> tuple[list[Event], int, int, int]:
    """And how many reports came in one piece."""
    source = KernelLogSource(io.BytesIO(log.encode()))
    with mock.patch.object(scanner, "CHUNK", chunk), mock.patch.object(repeats, "_SEEN", 1):
        events = [*source.events()]
    return events, source.suppressed, source.mentioned, source.lines.repeats.found


def line_by_line(log: str) -> tuple[list[Event], int, int, int]:
    with mock.patch.object(Repeats, "find", return_value=None):
        return told(log)


@st.composite
def bursts(draw: st.DrawFn) -> str:
    """The same few reports again and again, with other numbers and names, and sometimes with
    something else in them."""
    pick = draw(st.randoms(use_true_random=False))
    some = draw(st.lists(st.sampled_from(REPORTS), min_size=1, max_size=2))
    often = pick.choice([0.0, 0.01, 0.1])
    text: list[str] = []
    for _ in range(draw(st.integers(10, 40))):
        own = _with_other_values(pick.choice(some), pick, often).splitlines()
        if pick.random() < often:
            at = pick.randrange(len(own))
            own[at : at + pick.randrange(2)] = [pick.choice(LINES)] * pick.randrange(2)
        text += own
    text += ["usb 1-1: new device"] * pick.randrange(3)
    prefix = pick.choice(["", "Dec 26 01:02:03 host kernel: ", "<4>", "host kernel: "])
    lines = stamped("\n".join(text), start=pick.choice([1.0, 9.9, 99990.0]), prefix=prefix)
    if pick.random() < 0.3:  # one line has another time, or is broken
        whole = lines.splitlines()
        at = pick.randrange(len(whole))
        whole[at] = pick.choice([whole[at].replace("[ ", "[9"), whole[at][:-9], whole[at] + " "])
        lines = "\n".join(whole) + "\n"
    return lines


def _with_other_values(report: str, pick: random.Random, often: float) -> str:
    number = str(pick.randrange(10 ** pick.randrange(1, 6)))
    report = re.sub(r"\bpfn:(0x)?[0-9a-f]+", rf"pfn:\g<1>{number}", report)
    report = re.sub(r"\b377\b", number, report)
    report = _NUMBER.sub(lambda old: number if pick.random() < often else old[0], report)
    if pick.random() < 0.5:
        report = re.sub(rf"\b{_comm(report)}\b", pick.choice(NAMES), report)
    return report


def _comm(report: str) -> str:
    """Of the task that it is about."""
    match = re.match(r"(?:BUG: Bad page state in process |INFO: task )?([\w-]+)", report)
    return match[1] if match else ""


@settings(deadline=None, max_examples=150)
@given(bursts())
def test_the_same_as_line_by_line(log: str) -> None:
    events, *counts, _ = told(log)
    assert (events, counts) == ((alone := line_by_line(log))[0], [*alone[1:3]])


def test_a_report_that_breaks_off_is_no_pattern_for_one_that_does_not() -> None:
    """An OOM report without its kill: the next one has the same lines, and then the kill."""
    report = "\n".join(OOM) + "\n"
    cut = report[: report.rindex("Out of memory")]
    log = stamped((report + cut) * 8 + report * 8)
    events, *_ = told(log)
    assert events == line_by_line(log)[0]
    assert sum(getattr(event, "anon_rss_kib", None) is not None for event in events) == 16


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "quiet"])
def test_dense_logs(kind: str) -> None:
    """Most reports come in one piece, and tell the same."""
    made = reports(kind)
    log = b"".join(next(made) for _ in range(400)).decode()
    events, *counts, pieces = told(log, 32 << 10)
    alone, *other, none = line_by_line(log)
    assert (events, counts) == (alone, other)
    assert pieces > 300
    assert none == 0


def test_a_log_without_repetition_pays_little() -> None:
    """Nothing is learnt of reports that come once."""
    log = stamped("".join(ALL))
    with mock.patch.object(repeats, "read_alone", side_effect=AssertionError):
        [*KernelLogSource(io.BytesIO(log.encode())).events()]

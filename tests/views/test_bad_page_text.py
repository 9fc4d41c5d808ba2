"""Bad pages in lines and in the report."""

from __future__ import annotations

import pytest

from ktrace.detectors.analysis import Analysis
from ktrace.events import BadPage, PageOwner, Task, Trigger
from ktrace.findings import Finding, Probe
from ktrace.views.finding_text import detail_lines, finding_line
from ktrace.views.lines import LinesView
from ktrace.views.report import ReportView
from ktrace.views.view import View
from tests.detectors.test_bad_page import SECOND, THIRD, bad_page
from tests.factories import session
from tests.views.golden import Golden

pytestmark = pytest.mark.unit

ATTACHED = Probe("bad_page", "kprobe", "attached")
HOSTILE = Task(40, 41, "\x1b[2J\u202ex")
CELL = [bad_page(), SECOND, THIRD]
SOFTWARE = [
    bad_page(
        by=HOSTILE,
        path="free",
        triggered=(Trigger("refcount", "0xffffffff", ()), Trigger("mapcount", "0x1", ())),
        refcount=-1,
        mapcount=1,
        reason="nonzero _refcount",
    )
]


def findings(events: list[BadPage]) -> list[Finding]:
    analysis = Analysis(session(command="bad-page", probes=()))
    return [finding for event in events for finding in analysis.feed(event)]


CELL_FINDINGS = findings(CELL)
SOFTWARE_FINDINGS = findings(SOFTWARE)


def show(view: View, events: list[BadPage], *probes: Probe) -> None:
    analysis = Analysis(session(command="bad-page", probes=probes, t=0.0))
    view.start(analysis)
    for event in events:
        view.event(event, analysis.feed(event))
    view.end(analysis.end())


def test_report(capsys: pytest.CaptureFixture[str], golden: Golden) -> None:
    show(ReportView(), [*CELL, *SOFTWARE], ATTACHED)
    golden.check("report-bad-page.txt", capsys.readouterr().out)


def test_report_of_no_bad_page(capsys: pytest.CaptureFixture[str]) -> None:
    show(ReportView(), [], ATTACHED)
    text = capsys.readouterr().out
    assert "\nNo bad page in 0.00s\nverdict: clean\n" in text


@pytest.mark.parametrize(
    ("probes", "told"),
    [
        ((), "Bad pages not measured (no probe on bad_page())"),
        (
            (Probe("bad_page", "", "missing"),),
            "Bad pages not measured (no probe on bad_page())",
        ),
        (
            (ATTACHED, Probe("page checks", "", "missing")),
            "Bad pages not measured (the kernel's page checks)",
        ),
    ],
)
def test_no_bad_page_is_no_claim_where_none_would_be_seen(
    capsys: pytest.CaptureFixture[str], probes: tuple[Probe, ...], told: str
) -> None:
    show(ReportView(), [], *probes)
    text = capsys.readouterr().out
    assert f"\n{told}\nverdict: inconclusive (" in text
    assert "0 bad pages" not in text


def test_report_of_very_many(capsys: pytest.CaptureFixture[str]) -> None:
    show(ReportView(), [bad_page(pfn=n, page_phys=hex(64 * n), t=n) for n in range(50)])
    assert "and 30 more bad pages" in capsys.readouterr().out


def test_lines(capsys: pytest.CaptureFixture[str]) -> None:
    show(LinesView(), CELL)
    text = capsys.readouterr().out
    assert "BAD PAGE: pfn 0x12123 on alloc in dd[377]: flags 0x4000 [private_2]" in text
    assert "BAD RAM: bit 14 of the word at physical 0x1fa848c0" in text
    assert "resolved: " in text


@pytest.mark.parametrize("view", [LinesView, ReportView])
def test_no_escapes(view: type[View], capsys: pytest.CaptureFixture[str]) -> None:
    show(view(), [*CELL, *SOFTWARE])
    text = capsys.readouterr().out
    assert all(character.isprintable() or character == "\n" for character in text)


def test_what_is_not_known_is_said() -> None:
    event = bad_page(
        by=Task(0, 0, "dd"), pfn=None, page=None, page_phys=None, triggered=(), path=""
    )
    page = findings([event])[0]
    assert finding_line(page) == ("BAD PAGE: pfn ? in dd: PAGE_FLAGS_CHECK_AT_PREP flag(s) set")
    assert "struct page address unknown, physical unknown" in detail_lines(page)[0]


def test_a_report_fits_into_a_mail(capsys: pytest.CaptureFixture[str]) -> None:
    show(ReportView(), [*CELL, *SOFTWARE], ATTACHED)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 100


def test_page_owner_names_who_asked_for_the_page() -> None:
    owner = PageOwner(
        did="allocated",
        pid=12,
        comm="app",
        order=0,
        gfp="GFP_NOFS",
        at=1.0,
        frame="jfs_mkdir+0x1c5 [jfs]",
        stack=("post_alloc_hook+0x1", "jfs_mkdir+0x1c5 [jfs]"),
    )
    told = findings([bad_page(owner=("page last allocated via ...",), owners=(owner,))])[1]
    text = "\n".join(detail_lines(told))
    assert (
        "page_owner: allocated by pid 12 (app), order 0, GFP_NOFS, in jfs_mkdir+0x1c5 [jfs]" in text
    )
    assert "page_owner=on" not in text

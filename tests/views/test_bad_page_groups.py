"""Thousands of bad pages in a few lines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ktrace.detectors.bad_page import BadPages
from ktrace.events import Trigger
from ktrace.findings import BadPageFinding
from ktrace.views.bad_page_groups import AlikePages
from tests.detectors.test_bad_page import bad_page

pytestmark = pytest.mark.unit


def finding(**changes: object) -> BadPageFinding:
    found = BadPages().feed(bad_page(**changes))[0]
    assert isinstance(found, BadPageFinding)
    return found


def test_the_first_few_are_shown_and_the_rest_counted() -> None:
    pages = AlikePages()
    shown = [pages.show(finding(pfn=pfn, t=float(pfn))) for pfn in range(1000)]
    assert shown == [True] * 3 + [False] * 997
    (line,) = pages.rest()
    assert line.startswith("and 997 bad pages more like pfn 0x0, the last pfn 0x3e7, in ")
    assert "check_new_pages+0xab < rmqueue_bulk+0x26d" in line


def test_what_failed_otherwise_is_another_group() -> None:
    pages = AlikePages()
    kinds = [finding(), finding(triggered=(Trigger("refcount", "0x1", ()),)), finding(path="free")]
    assert all(pages.show(kind) for kind in kinds for _ in range(3))
    assert pages.rest() == []


def test_no_more_groups_than_one_can_read() -> None:
    pages = AlikePages()
    page = finding()
    for n in range(5000):
        pages.show(replace(page, stack=("bad_page+0x1", f"f{n % 500}+0x1")))
    assert len(pages.rest()) == 13
    assert "other kinds" in pages.rest()[-1]


def test_a_hostile_frame_stays_on_its_line() -> None:
    pages = AlikePages()
    page = replace(finding(pfn=None), stack=("bad_page", "\x1b[2J\n"))
    for _ in range(4):
        pages.show(page)
    assert pages.rest()[0].isprintable()

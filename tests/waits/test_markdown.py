"""docs/waits.md has every kind of wait, as the tables in the code have it."""

from pathlib import Path

import pytest

from ktrace.waits.by_function import NAMED_WAITS
from ktrace.waits.found import OBJECT_ALONE
from ktrace.waits.release import RELEASES
from ktrace.waits.table import KINDS
from tests.waits.markdown import BEGIN, END, tables

pytestmark = pytest.mark.unit

PAGE = Path(__file__).parents[2] / "docs" / "waits.md"


def test_the_page_has_the_tables() -> None:
    text = PAGE.read_text()
    begin, end = text.index(BEGIN), text.index(END) + len(END)
    assert text[begin:end] == tables(), "run python -m tests.waits.markdown, and put it there"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_says_what_it_tells_and_what_releases_it(kind: object) -> None:
    assert all((kind.tells, kind.holder, kind.released))  # type: ignore[attr-defined]
    assert kind.name in RELEASES  # type: ignore[attr-defined]


def test_every_kind_has_been_seen() -> None:
    assert [kind.name for kind in KINDS if not kind.seen] == []


def test_kinds_have_names_of_their_own() -> None:
    names = [kind.name for kind in KINDS]
    assert len({*names}) == len(names)
    assert {*names} >= OBJECT_ALONE


def test_every_named_wait_says_what_releases_it() -> None:
    assert all(named.detail and named.release.text for named in NAMED_WAITS.values())

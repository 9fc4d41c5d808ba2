"""The state file of bad pages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ktrace.bad_page_state import load, save
from ktrace.detectors.bad_page import sighting_of
from ktrace.errors import UsageError
from tests.detectors.test_bad_page import SECOND, bad_page

pytestmark = pytest.mark.unit


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    sightings = [sighting_of(bad_page()), sighting_of(SECOND)]
    save(path, sightings)
    assert load(path) == tuple(sightings)
    assert not (tmp_path / "state.new").exists()


def test_no_file_yet(tmp_path: Path) -> None:
    assert load(str(tmp_path / "state")) == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not JSON",
        "[]",
        "[" * 100_000,
        '{"ktrace_bad_pages": 2, "sightings": []}',
        '{"ktrace_bad_pages": 1}',
        '{"ktrace_bad_pages": 1, "sightings": [{"boot": 1}]}',
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state"
    path.write_text(text)
    with pytest.raises(UsageError, match="cannot use the state file"):
        load(str(path))


@pytest.mark.parametrize(
    ("member", "value"), [("word", "xyz"), ("bits", "-"), ("others", ["refcount many"])]
)
def test_numbers_that_are_none_are_refused(tmp_path: Path, member: str, value: object) -> None:
    path = tmp_path / "state"
    save(str(path), [sighting_of(bad_page())])
    data = json.loads(path.read_text())
    data["sightings"][0][member] = value
    path.write_text(json.dumps(data))
    with pytest.raises(UsageError):
        load(str(path))

"""The state file of bad pages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ktrace.bad_page_state import load, save
from ktrace.detectors.bad_page_sighting import sighting_of
from ktrace.errors import UsageError
from ktrace.events import Trigger
from tests.detectors.test_bad_page import SECOND, bad_page

pytestmark = pytest.mark.unit


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    sightings = [sighting_of(bad_page()), sighting_of(SECOND)]
    save(path, sightings)
    assert load(path) == tuple(sightings)
    assert not (tmp_path / "state.new").exists()


OLD = {
    "boot": "first",
    "kernel": "6.1.0 #1",
    "t": 10.0,
    "comm": "dd",
    "pfn": 0x12123,
    "word": "0x1fa848c0",
    "bits": "",
    "others": ["refcount 0xffffffff", "page_pool"],
    "path": "free",
    "pattern": "text",
    "stack": ["check_new_pages+0xab"],
    "owner": [],
}


def old_file(path: Path, **changes: object) -> str:
    """As ktrace 0.1 wrote it."""
    path.write_text(json.dumps({"ktrace_bad_pages": 1, "sightings": [OLD | changes]}))
    return str(path)


def test_a_file_of_ktrace_0_1_is_read(tmp_path: Path) -> None:
    (kept,) = load(old_file(tmp_path / "state"))
    assert kept.failed == (Trigger("refcount", "0xffffffff", ()), Trigger("page_pool", "", ()))
    assert [sign.code for sign in kept.signs] == ["refcount", "page_pool", "text"]
    assert kept.word == "0x1fa848c0"


def test_a_cell_of_a_file_of_ktrace_0_1_is_known_again(tmp_path: Path) -> None:
    old = load(old_file(tmp_path / "state", bits="0x4000", others=[], pattern=""))
    assert old[0].cell == (0x1FA848C0, 14)


@pytest.mark.parametrize("changes", [{"others": ["refcount many"]}, {"others": 1}, {"bits": "-"}])
def test_what_ktrace_0_1_did_not_write_is_refused(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    with pytest.raises(UsageError):
        load(old_file(tmp_path / "state", **changes))


def test_no_file_yet(tmp_path: Path) -> None:
    assert load(str(tmp_path / "state")) == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not JSON",
        "[]",
        "[" * 100_000,
        '{"ktrace_bad_pages": 3, "sightings": []}',
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
    ("member", "value"),
    [
        ("word", "xyz"),
        ("bits", "-"),
        ("failed", [{"what": "refcount", "bits": "many", "names": []}]),
    ],
)
def test_numbers_that_are_none_are_refused(tmp_path: Path, member: str, value: object) -> None:
    path = tmp_path / "state"
    save(str(path), [sighting_of(bad_page())])
    data = json.loads(path.read_text())
    data["sightings"][0][member] = value
    path.write_text(json.dumps(data))
    with pytest.raises(UsageError):
        load(str(path))

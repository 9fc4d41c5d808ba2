"""ktrace.sources.live.bad_page_keeper: bad pages kept over boots, while tracing goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrace import bad_page_state
from ktrace.detectors.bad_page import KEPT, Sighting
from ktrace.errors import UsageError
from ktrace.sources.live.bad_page_keeper import BadPageKeeper

pytestmark = pytest.mark.unit


def sighting(boot: str, pfn: int = 0xA123) -> Sighting:
    return Sighting(
        boot=boot,
        kernel="6.1.0",
        t=9.8,
        comm="dd",
        pfn=pfn,
        word="0x1f6848c0",
        bits="0x4000",
        path="alloc",
        stack=("check_new_pages+0xab",),
        owner=(),
    )


def test_what_is_added_is_there_next_time(tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    for number in range(3):
        keeper = BadPageKeeper(path)
        assert [kept.boot for kept in keeper.sightings] == [f"boot {n}" for n in range(number)]
        keeper.add(sighting(f"boot {number}"))
        assert keeper.close()
    assert bad_page_state.load(path)[2] == sighting("boot 2")


def test_it_does_not_grow_for_ever(tmp_path: Path) -> None:
    path = str(tmp_path / "state")
    bad_page_state.save(path, [sighting("old", pfn) for pfn in range(KEPT)])
    keeper = BadPageKeeper(path)
    keeper.add(sighting("new"))
    assert keeper.close()
    kept = bad_page_state.load(path)
    assert len(kept) == KEPT
    assert kept[-1].boot == "new"


@pytest.mark.parametrize("content", ["root:x:0:0:root", "{}", "[1, 2]"])
def test_somebody_elses_file_is_left_alone(tmp_path: Path, content: str) -> None:
    path = tmp_path / "state"
    path.write_text(content)
    with pytest.raises(UsageError, match="state"):
        BadPageKeeper(str(path))
    assert path.read_text() == content


def test_a_place_that_cannot_be_written_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot write"):
        BadPageKeeper(str(tmp_path / "missing" / "state"))


def test_a_disk_that_fails_later_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = BadPageKeeper(str(tmp_path / "state"))

    def full(_path: str, _sightings: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(bad_page_state, "save", full)
    keeper.add(sighting("boot"))
    assert not keeper.close()
    assert "No space left" in keeper.failure

"""Files that root writes where others may, too."""

import os
import stat
from pathlib import Path

import pytest

from ktrace.private_file import open_private, replace_file, replace_private

pytestmark = pytest.mark.unit


def test_a_new_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "state"
    replace_private(str(path), b"x")
    assert path.read_bytes() == b"x"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["state"]


def test_owner_and_mode_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"old")
    path.chmod(0o640)
    owner = (1234, 4321) if os.geteuid() == 0 else (os.getuid(), os.getgid())
    os.chown(path, *owner)
    replace_private(str(path), b"new")
    found = path.stat()
    assert (path.read_bytes(), stat.S_IMODE(found.st_mode)) == (b"new", 0o640)
    assert (found.st_uid, found.st_gid) == owner


@pytest.mark.parametrize("name", ["state", "state.new", "state.tmp"])
def test_no_link_leads_elsewhere(tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / name).symlink_to(victim)
    replace_private(str(tmp_path / "state"), b"x")
    assert victim.read_bytes() == b"precious"
    assert (tmp_path / "state").read_bytes() == b"x"


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    link, fifo = tmp_path / "link", tmp_path / "fifo"
    (tmp_path / "file").write_bytes(b"x")
    link.symlink_to(tmp_path / "file")
    os.mkfifo(fifo)
    for path in (link, fifo, tmp_path):
        with pytest.raises(OSError, match=str(path)):
            open_private(str(path))
    with open_private(str(tmp_path / "file")) as file:
        assert file.read() == b"x"


def test_what_could_not_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"old")

    def full(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace_private(str(path), b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["state"]


def test_a_file_for_all_has_the_mode_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_bytes(b"old")
    path.chmod(0o600)
    before = os.umask(0o022)
    try:
        replace_file(str(path), b"new", 0o777)
    finally:
        os.umask(before)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o755)
    assert os.listdir(tmp_path) == ["program"]

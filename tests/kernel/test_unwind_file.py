"""ktrace.kernel.unwind_file: which unwind tables are taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrace.errors import CannotTrace
from ktrace.kernel import unwind_file

pytestmark = pytest.mark.unit


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In place of /etc/ktrace/btf; no file of types is named."""
    monkeypatch.setattr(unwind_file, "FOLDER", str(tmp_path))
    monkeypatch.setattr(unwind_file, "btf_file", lambda: "")
    monkeypatch.setattr(unwind_file, "_named", "")
    return tmp_path


def test_that_of_the_kernel_that_is_traced(folder: Path) -> None:
    """Of a board, not of this machine."""
    (folder / "6.1.0-armmp.unwind").write_bytes(b"no tables")
    assert unwind_file.unwinder("6.1.0-other") is None
    with pytest.raises(CannotTrace, match=r"6\.1\.0-armmp\.unwind"):
        unwind_file.unwinder("6.1.0-armmp")


def test_that_beside_the_types(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unwind_file, "btf_file", lambda: str(folder / "board.btf"))
    assert unwind_file.unwinder("6.1.0-armmp") is None
    (folder / "board.unwind").write_bytes(b"no tables")
    with pytest.raises(CannotTrace, match=r"board\.unwind"):
        unwind_file.unwinder("6.1.0-armmp")


def test_what_is_named_must_be_there(folder: Path) -> None:
    unwind_file.use_unwind_file(str(folder / "none"))
    with pytest.raises(CannotTrace, match="No such file"):
        unwind_file.unwinder("6.1.0-armmp")

"""ktrace.kernel.btf_file: where the types of a kernel without BTF come from."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from ktrace.errors import CannotTrace
from ktrace.kernel import btf_file as module
from ktrace.kernel.btf_file import btf_file, use_btf_file

pytestmark = pytest.mark.unit


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of the folder, for the running release."""
    monkeypatch.delenv("KTRACE_BTF", raising=False)
    path = tmp_path / f"{platform.release()}.btf"
    path.write_bytes(b"x")
    return path


def test_kept_file_is_for_kernels_without_btf(kept: Path, tmp_path: Path) -> None:
    vmlinux = tmp_path / "vmlinux"
    assert btf_file(str(vmlinux), str(tmp_path)) == str(kept)
    vmlinux.write_bytes(b"x")
    assert btf_file(str(vmlinux), str(tmp_path)) == ""


def test_no_file_of_another_release(kept: Path, tmp_path: Path) -> None:
    kept.rename(tmp_path / "0.0.1-other.btf")
    assert btf_file(str(tmp_path / "vmlinux"), str(tmp_path)) == ""


def test_named_file_comes_first(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = tmp_path / "board.btf"
    monkeypatch.setenv("KTRACE_BTF", str(named))
    with pytest.raises(CannotTrace, match=r"board\.btf, which cannot be read"):
        btf_file(str(tmp_path / "vmlinux"), str(tmp_path))
    named.write_bytes(b"x")
    assert btf_file(str(kept), str(tmp_path)) == str(named)


def test_the_option_comes_before_the_variable(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_named", "")
    monkeypatch.setenv("KTRACE_BTF", str(tmp_path / "none.btf"))
    use_btf_file(str(kept))
    assert btf_file(str(tmp_path / "vmlinux"), str(tmp_path)) == str(kept)
    use_btf_file(str(tmp_path / "gone.btf"))
    with pytest.raises(CannotTrace, match=r"--btf names .*gone\.btf"):
        btf_file(str(tmp_path / "vmlinux"), str(tmp_path))

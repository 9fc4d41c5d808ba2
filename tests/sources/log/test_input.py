"""Packed files are read as what is in them; damage and a missing program are told."""

from __future__ import annotations

import lzma
import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from ktrace.sources.log.input import open_log
from ktrace.sources.log.source import KernelLogSource
from ktrace.trace.damage import Damage
from tests.sources.log.samples import V6_1, events_of, reports, stamped

pytestmark = pytest.mark.unit

LOG = stamped(V6_1).encode()
needs_zstd = pytest.mark.skipif(shutil.which("zstd") is None, reason="no zstd")


def zst(data: bytes) -> bytes:
    return subprocess.run(["zstd", "-qc"], input=data, check=True, stdout=subprocess.PIPE).stdout


def read(path: Path, data: bytes) -> bytes:
    path.write_bytes(data)
    with closing(open_log(str(path), Damage())) as stream:
        return b"".join(iter(lambda: stream.read(1000), b""))


def test_xz(tmp_path: Path) -> None:
    path = tmp_path / "kern.log.xz"
    path.write_bytes(lzma.compress(LOG))
    with closing(open_log(str(path), Damage())) as stream:
        assert reports(KernelLogSource(stream)) == events_of(LOG)


@needs_zstd
def test_zstd(tmp_path: Path) -> None:
    path = tmp_path / "-kern.log.zst"
    path.write_bytes(zst(LOG))
    with closing(open_log(str(path), Damage())) as stream:
        assert reports(KernelLogSource(stream)) == events_of(LOG)


def test_xz_that_is_damaged(tmp_path: Path) -> None:
    packed = bytearray(lzma.compress(LOG))
    packed[len(packed) // 2] ^= 0xFF
    with pytest.raises(lzma.LZMAError):
        read(tmp_path / "log", bytes(packed))


@needs_zstd
def test_zstd_that_is_cut_off(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"premature end|zstd failed"):
        read(tmp_path / "log", zst(LOG)[:-20])


@needs_zstd
def test_closing_before_the_end_ends_zstd(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(zst(LOG * 10_000))
    stream = open_log(str(path), Damage())
    assert stream.read(10) == LOG[:10]
    stream.close()
    assert stream._process.returncode is not None


def test_without_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OSError, match="the program zstd is missing"):
        read(tmp_path / "log", b"\x28\xb5\x2f\xfd")

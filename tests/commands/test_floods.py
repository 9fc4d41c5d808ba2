"""Floods on this machine's kernel, in short: benchmarks/floods.py has the long ones."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import floods

pytestmark = pytest.mark.kernel


def test_no_kill_is_lost() -> None:
    assert floods.kills(2000)


def test_what_the_ring_does_not_take_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """ktrace is stopped meanwhile: some 5 200 kills fit."""
    assert floods.kills(8000, starved=True)
    told = capsys.readouterr().out
    assert "lost {'fatal_signal':" in told
    assert "verdict inconclusive" in told


def test_each_of_many_stuck_threads_is_told() -> None:
    assert floods.stuck(500)


def test_waits_for_squashfs_are_no_news(capsys: pytest.CaptureFixture[str]) -> None:
    """Debian's kernel, in a guest: tests/lab/test_in_guest_vm.py."""
    if "squashfs" not in Path("/proc/filesystems").read_text():
        pytest.skip("this kernel has no squashfs")
    assert floods.squashfs(seconds=5.0)
    told = capsys.readouterr().out
    assert "lost" not in told
    assert "verdict clean" in told

"""A live run of half an hour, compressed: its memory does not grow."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

TOP = Path(__file__).parents[1]


# a quarter: for a guest, where half an hour takes 100 s (tests/lab/test_in_guest_vm.py)
@pytest.mark.parametrize("hours", ["0.25", "0.5"])
def test_memory_is_flat(hours: str) -> None:
    command = [sys.executable, "-m", "benchmarks.soak", hours]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "grown by" in done.stdout

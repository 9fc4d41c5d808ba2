"""A live run of half an hour, compressed: its memory does not grow."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

TOP = Path(__file__).parents[1]


def test_memory_is_flat() -> None:
    command = [sys.executable, "-m", "benchmarks.soak", "0.5"]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "grown by" in done.stdout

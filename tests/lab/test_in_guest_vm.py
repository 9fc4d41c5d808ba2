"""What needs Debian's kernel and this machine's files, in one guest: floods of waits for squashfs,
a soak, and kinds of waits that the kernel of a CI machine may not have."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.vm

TOP = Path(__file__).parents[2]
TESTS = (
    "tests/commands/test_floods.py::test_waits_for_squashfs_are_no_news",
    "tests/kernel/test_module_news.py::test_its_messages_of_modules_come",
    "tests/test_soak.py::test_memory_is_flat[0.25]",
    "tests/waits/test_throttled_io.py",
    "tests/waits/test_writeback.py",
)


def test_all_of_them() -> None:
    command = [sys.executable, "-m", "tests.in_guest", "own", "-m", "kernel or unit", *TESTS]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\d+ passed", done.stdout), done.stdout
    assert "skipped" not in done.stdout, done.stdout

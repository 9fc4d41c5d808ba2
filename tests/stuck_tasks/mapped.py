"""A device-mapper device."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mapped(device: Path) -> Iterator[Path]:
    """One that lies on all of that device (dm-linear)."""
    if not shutil.which("dmsetup") or not Path("/sys/class/misc/device-mapper").exists():
        pytest.skip("there is no device-mapper, or no dmsetup")
    name = f"ktrace-test-{os.getpid()}"
    sectors = (Path("/sys/block") / device.name / "size").read_text().strip()
    table = f"0 {sectors} linear {device} 0"
    subprocess.run(["dmsetup", "create", "--noudevsync", name, "--table", table], check=True)
    try:
        command = ["dmsetup", "info", "--columns", "--noheadings", "-o", "minor", name]
        minor = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        yield Path(f"/dev/dm-{minor.strip()}")
    finally:
        subprocess.run(["dmsetup", "remove", "--noudevsync", name], check=True)

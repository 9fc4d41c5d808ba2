"""A squashfs whose readers wait for each other."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_FILE_BYTES = (
    2500  # one to a block; smaller than a block: its fragment goes through a cache of three entries
)
# blocks of 4 KiB, nothing packed: an entry is filled fast, and there are many
_OPTIONS = ("-b", "4K", "-noI", "-noD", "-noF", "-noX", "-no-progress", "-quiet")


@contextmanager
def squashfs(files: int) -> Iterator[Path]:
    """The folder where it is mounted; in it so many files: 0, 1, ..."""
    if not shutil.which("mksquashfs"):
        pytest.skip("mksquashfs is not installed")
    with tempfile.TemporaryDirectory(prefix="ktrace-test-") as name:
        source, image, target = (Path(name, part) for part in ("source", "image", "mounted"))
        source.mkdir()
        target.mkdir()
        for number in range(files):
            content = f"{number:>{_FILE_BYTES}}"  # no two alike: they would be stored once
            (source / str(number)).write_text(content)
        subprocess.run(["mksquashfs", source, image, *_OPTIONS], check=True)
        command = ["mount", "-t", "squashfs", "-o", "loop,ro", image, target]
        mounted = subprocess.run(command, capture_output=True, text=True)
        if mounted.returncode:
            pytest.skip(f"squashfs cannot be mounted: {mounted.stderr.strip()}")
        try:
            yield target
        finally:
            subprocess.run(["umount", target], check=True)

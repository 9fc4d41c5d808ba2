"""An ext4 with a journal, on a file of a frozen one."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stuck_tasks.file_systems import IMAGE_BYTES, UNMOUNT, FileSystem, file_system, mount
from tests.stuck_tasks.proc import wait_for_state
from tests.stuck_tasks.programs import Process, end, guard


@contextmanager
def stuck_commit() -> Iterator[Process]:
    """A process that waits in fsync() for the journal of an ext4 whose device is a file of a frozen
    file system."""
    with frozen_journal() as (outer, folder):
        outer.freeze()
        # of a folder: a file's own pages would be waited for first
        script = "import os, sys; os.mkdir(sys.argv[1] + '/new'); os.fsync(os.open(sys.argv[1], 0))"
        process = subprocess.Popen([sys.executable, "-c", script, str(folder)])
        try:
            wait_for_state(process.pid, "D", "jbd2_log_wait_commit")
            yield process
        finally:
            outer.thaw()
            end(process)


@contextmanager
def frozen_journal() -> Iterator[tuple[FileSystem, Path]]:
    """A file system that can be frozen, and where an ext4 with a journal, of one of its files, is
    mounted."""
    with file_system() as outer, tempfile.TemporaryDirectory(prefix="ktrace-test-") as folder:
        image, target = outer.folder / "image", Path(folder)
        image.write_bytes(bytes(IMAGE_BYTES // 2))  # no hole: a write shall not allocate
        subprocess.run(["mkfs.ext4", "-q", "-F", "-J", "size=1", str(image)], check=True)
        with guard(UNMOUNT, str(target)):
            mount(image, target)
            yield outer, target

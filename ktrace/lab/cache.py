"""Where the lab keeps what is slow to make: kernels, disk images."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_dir() -> Path:
    """$XDG_CACHE_HOME/ktrace/lab, or ~/.cache/ktrace/lab; made if it is missing."""
    configured = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG rules say that a relative path is to be ignored.
    home = Path(configured) if configured.startswith("/") else Path.home() / ".cache"
    path = home / "ktrace" / "lab"
    path.mkdir(parents=True, exist_ok=True)
    return path


@contextmanager
def work_dir(parent: Path) -> Iterator[Path]:
    """A scratch directory beside its future home, so that results can be renamed into place."""
    path = Path(tempfile.mkdtemp(prefix=".work-", dir=parent))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)

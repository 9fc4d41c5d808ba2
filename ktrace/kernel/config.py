"""The configuration that the running kernel was built with."""

import os
from typing import IO


def running_config() -> dict[str, str]:
    """CONFIG_ options of the running kernel; empty where it does not tell them."""
    for path in ("/proc/config.gz", f"/boot/config-{os.uname().release}"):
        try:
            with _opened(path) as file:
                lines = [line.strip().split("=", 1) for line in file if line.startswith("CONFIG_")]
        except OSError:
            continue
        return {line[0]: line[1] for line in lines if len(line) == 2}
    return {}


def _opened(path: str) -> IO[str]:
    if not path.endswith(".gz"):
        return open(path, errors="replace")
    import gzip

    return gzip.open(path, "rt", errors="replace")

"""The configuration that the running kernel was built with."""

import gzip
import platform


def running_config() -> dict[str, str]:
    """CONFIG_ options of the running kernel; empty where it does not tell them."""
    for path in ("/proc/config.gz", f"/boot/config-{platform.release()}"):
        opener = gzip.open if path.endswith(".gz") else open
        try:
            with opener(path, "rt", errors="replace") as file:
                lines = [line.strip().split("=", 1) for line in file if line.startswith("CONFIG_")]
        except OSError:
            continue
        return {line[0]: line[1] for line in lines if len(line) == 2}
    return {}

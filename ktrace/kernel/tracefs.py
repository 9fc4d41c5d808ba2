"""The kernel's own descriptions of its tracepoints, from tracefs."""

from pathlib import Path

MOUNTS = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")


def tracepoint_format(category: str, name: str) -> str | None:
    """The format file of a tracepoint; None where tracefs is not mounted or has no such one."""
    for mount in MOUNTS:
        try:
            return Path(mount, "events", category, name, "format").read_text()
        except OSError:
            continue
    return None

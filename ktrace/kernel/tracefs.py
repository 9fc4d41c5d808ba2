"""The kernel's own descriptions of its tracepoints, from tracefs."""

import os

MOUNTS = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")


def tracepoint_format(category: str, name: str) -> str | None:
    """The format file of a tracepoint; None where tracefs is not mounted or has no such one."""
    for mount in MOUNTS:
        try:
            with open(os.path.join(mount, "events", category, name, "format")) as file:
                return file.read()
        except OSError:
            continue
    return None

"""Files of /proc that stay open: they are read again and again, also when no file can be opened."""

import os

_MOST_BYTES = 1 << 20  # zoneinfo has lines for each CPU


def open_kept(path: str) -> int | None:
    """None where it cannot be had."""
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def read_kept(file: int | None) -> str:
    """From its beginning; empty where it cannot be read, as PSI that was switched off at boot
    (EOPNOTSUPP)."""
    parts: list[bytes] = []
    size = 0
    try:
        while file is not None and size < _MOST_BYTES:
            part = os.pread(file, 1 << 16, size)
            if not part:
                break
            parts.append(part)
            size += len(part)
    except OSError:
        return ""
    return b"".join(parts).decode(errors="backslashreplace")

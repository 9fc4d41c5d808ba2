"""Small files of sysfs."""

import os


def text(*path: str) -> str:
    """What the file has, without blanks around it; empty where it cannot be read."""
    try:
        with open(os.path.join(*path), errors="backslashreplace") as file:
            return file.read().strip()
    except OSError:
        return ""

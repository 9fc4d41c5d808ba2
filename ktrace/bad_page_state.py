"""The state file: bad pages of earlier boots, so that a cell is known again after a reboot."""

import json
import os

from ktrace.detectors.bad_page import Sighting
from ktrace.errors import UsageError
from ktrace.events import to_json
from ktrace.typed_json import build

_VERSION = 1
_SIZE_MAX = 16 << 20  # bytes; ktrace itself writes less than a hundredth of it


def load(path: str) -> tuple[Sighting, ...]:
    """What path keeps; nothing where there is no such file yet. Raises UsageError."""
    try:
        with open(path, encoding="utf-8") as file:
            data = json.loads(file.read(_SIZE_MAX))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, RecursionError) as error:
        raise _refusal(path, str(error)) from None
    if not isinstance(data, dict) or data.get("ktrace_bad_pages") != _VERSION:
        raise _refusal(path, "it is not ktrace's")
    try:
        sightings = build(tuple[Sighting, ...], data.get("sightings"), "sightings")
        _check(sightings)
    except ValueError as error:
        raise _refusal(path, str(error)) from None
    return sightings


def save(path: str, sightings: list[Sighting]) -> None:
    """Replace path as a whole: a crash leaves the old one or the new one. Raises OSError."""
    data = {"ktrace_bad_pages": _VERSION, "sightings": to_json(sightings)}
    new = f"{path}.new"
    with open(new, "w", encoding="utf-8") as file:
        json.dump(data, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


def _check(sightings: tuple[Sighting, ...]) -> None:
    """The verdict reads these as hexadecimal numbers. Raises ValueError."""
    for sighting in sightings:
        for text in (sighting.word or "0", sighting.bits or "0"):
            int(text, 16)
        for other in sighting.others:
            int(other.partition(" ")[2] or "0", 16)


def _refusal(path: str, why: str) -> UsageError:
    return UsageError(
        f"cannot use the state file {path}: {why}", hint="move it away to begin a new one"
    )

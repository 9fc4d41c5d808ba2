"""The state file: bad pages of earlier boots, so that a cell is known again after a reboot."""

import json
from dataclasses import replace

from ktrace.detectors.bad_page_sighting import Sighting, failed_tests, old_signs
from ktrace.errors import UsageError
from ktrace.events import to_json
from ktrace.events.pages import OldFailure
from ktrace.private_file import open_private, replace_private
from ktrace.record import record
from ktrace.typed_json import build

_VERSION = 2
_OLD = 1  # of ktrace 0.1
_SIZE_MAX = 16 << 20  # bytes; ktrace itself writes less than a hundredth of it


@record
class _Old:
    """What of a sighting of ktrace 0.1 has another form now."""

    others: tuple[OldFailure, ...]
    pattern: str


def load(path: str) -> tuple[Sighting, ...]:
    """What path keeps; nothing where there is no such file yet. Raises UsageError."""
    try:
        with open_private(path) as file:
            data = json.loads(file.read(_SIZE_MAX))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, RecursionError) as error:
        raise _refusal(path, str(error)) from None
    version = data.get("ktrace_bad_pages") if isinstance(data, dict) else None
    if version not in (_OLD, _VERSION):
        raise _refusal(path, "it is not ktrace's")
    try:
        if version == _OLD:
            sightings = _read_old(data.get("sightings"))
        else:
            sightings = build(tuple[Sighting, ...], data.get("sightings"), "sightings")
    except ValueError as error:
        raise _refusal(path, str(error)) from None
    return sightings


def save(path: str, sightings: list[Sighting]) -> None:
    """Replace path as a whole: a crash leaves the old one or the new one. Raises OSError."""
    data = {"ktrace_bad_pages": _VERSION, "sightings": to_json(sightings)}
    replace_private(path, json.dumps(data, indent=1).encode())


def _read_old(data: object) -> tuple[Sighting, ...]:
    """Their failed tests were text, and of what the words look like they had one word."""
    found = []
    plain = build(tuple[Sighting, ...], data, "sightings")
    olds = build(tuple[_Old, ...], data, "sightings")
    for sighting, old in zip(plain, olds, strict=True):
        failed = failed_tests(old.others)
        signs = old_signs(sighting.bits, failed, old.pattern)
        found.append(replace(sighting, failed=failed, signs=signs))
    return tuple(found)


def _refusal(path: str, why: str) -> UsageError:
    return UsageError(
        f"cannot use the state file {path}: {why}", hint="move it away to begin a new one"
    )

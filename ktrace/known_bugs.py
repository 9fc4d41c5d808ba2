"""The catalogue of known bugs: which finding is of one, and does its kernel have the fix?"""

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from typing import Any

from ktrace.findings import AlarmFinding, Finding
from ktrace.findings.signature import function_names
from ktrace.kernel.release import release_of
from ktrace.record import record
from ktrace.typed_json import build

_OWN = f"{__file__.removesuffix('.py')}.toml"
# One bug, found in a log, live while it lasts, or after SIGKILL
_STUCK = frozenset({"hung-task", "stuck-task", "blocked-task"})
# "5.15.0-91-generic", "4.18.0-240.el8", "5.14.21-150400.24": of which point release it is, is not
# told
_OWN_NUMBERS = re.compile(r"\d+\.\d+\.(?:0-\d|\d+-15\d{4})")
_CANDIDATE = re.compile(r"-rc\d|-next\b")


@record(kw_only=True)
class KnownBug:
    """An entry of the catalogue; known_bugs.toml says what its members mean."""

    finding: str
    functions: tuple[str, ...]
    title: str
    commit: str
    mainline: str
    source: str
    stable: dict[str, str]
    since: str  # first release with the bug; empty: not told

    def explains(self, finding: Finding) -> bool:
        """Has the finding's stack the bug's functions, in that order?"""
        kind = finding.class_ if isinstance(finding, AlarmFinding) else finding.finding
        if kind != self.finding and not {kind, self.finding} <= _STUCK:
            return False
        left = iter(function_names(getattr(finding, "stack", ())))
        return all(any(name == have for have in left) for name in self.functions)

    def older_than_bug(self, kernel: str) -> bool:
        """Was that kernel's series before the bug?"""
        release = release_of(kernel)
        return bool(self.since and release) and _series(release) < _series(release_of(self.since))

    def fixed_in(self, kernel: str) -> bool | None:
        """Has that kernel the fix? None: it is of a series of which the catalogue tells no fix, or
        its point release is not known. A distribution may have it earlier."""
        release = release_of(kernel)
        if not release:
            return None
        if self.mainline and release[:2] > release_of(self.mainline)[:2]:
            return True
        if self.mainline and release[:2] == release_of(self.mainline)[:2]:
            return None if _CANDIDATE.search(kernel) else True
        fixed = self.stable.get(".".join(map(str, release[:2])))
        if fixed is None or _OWN_NUMBERS.match(kernel):
            return None
        return release >= release_of(fixed)


@record(kw_only=True)
class Recognised:
    """A finding that is of a known bug."""

    bug: KnownBug
    kernel: str
    fixed: bool | None


@cache
def own() -> "Catalogue":
    """ktrace's own bugs, read once. Raises as Catalogue() does."""
    return Catalogue()


class Catalogue:
    """ktrace's own bugs, and those of the user's files."""

    def __init__(self, files: Iterable[str] = ()) -> None:
        """Raises OSError, and ValueError saying what is wrong with which file."""
        self._bugs = [bug for path in (_OWN, *files) for bug in _load(path)]

    def of(self, finding: Finding, kernel: str = "") -> list[Recognised]:
        """The known bugs that it may be of. kernel: where the finding does not tell it."""
        kernel = getattr(finding, "kernel", "") or kernel
        return [
            Recognised(bug=bug, kernel=kernel, fixed=bug.fixed_in(kernel))
            for bug in self._bugs
            if bug.explains(finding) and not bug.older_than_bug(kernel)
        ]


def _series(release: tuple[int, ...]) -> tuple[int, ...]:
    """(5, 15) of (5, 15, 11), but (2, 6, 32) as it is."""
    return release[:3] if release[0] == 2 else release[:2]


def _load(path: str) -> list[KnownBug]:
    with open(path, "rb") as file:
        try:
            entries: Any = tomllib.load(file).get("bug", [])
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: {error}") from None
        except RecursionError:
            raise ValueError(f"{path}: nested too deeply") from None
    if not isinstance(entries, list):
        raise ValueError(f"{path}: bug is no list of tables")
    return [_entry(path, number, entry) for number, entry in enumerate(entries, 1)]


def _entry(path: str, number: int, entry: Any) -> KnownBug:
    where = f"{path}: bug {number}"
    if isinstance(entry, dict):
        entry = {"stable": {}, "since": "", "commit": "", "mainline": "", **entry}
    try:
        bug = build(KnownBug, entry, "it")
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    if not bug.functions or not bug.source:
        raise ValueError(f"{where}: functions and source may not be empty")
    if bool(bug.commit) != bool(bug.mainline):
        raise ValueError(f"{where}: commit and mainline come together")
    return bug

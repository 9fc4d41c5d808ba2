"""The form of a line that is alike in many reports, but for values in known places.

A form is written as the line, with `<name:kind>` for a value (`<kind>` for one that nobody needs),
two blanks for some, `~` for some or none, and `*` for text that stays as it is. What follows its
end stays too. A name's second place has the same value as its first, but for `<name+:kind>`, which
gets a number for each place.
"""

import re
from collections.abc import Iterable
from typing import Protocol

from ktrace.sources.log.whole_trace import REGISTERS

_KINDS = {
    "dec": r"\d{1,10}",
    "kib": r"\d{1,15}",
    "int": r"-?\d{1,9}",
    "hex": r"[0-9a-f]{1,16}",
    "word": r"[0-9a-f]{16}",
    "half": r"[0-9a-f]{8}",
    "name": r"[A-Za-z_./:+(,-][\w./:+(),-]{0,14}",  # of a task; others are read line by line
}
_TOKEN = re.compile(
    r"<(?:(?P<name>\w+)(?P<each>\+)?:)?(?P<kind>\w+)>|(?P<stays>\*)|(?P<blanks>  |~)"
)
_BLANKS = {"  ": " +", "~": " *"}
_DIGITS = re.compile(r"(?P<digits>\d+)|(?P<padding>(?<=\[) +(?=\d)| +(?=\d))")


_REGISTER = re.compile(r"(0x)[0-9a-f]{1,16}|[0-9a-f]{8,16}(?![0-9a-f])")


class LineForm(Protocol):
    """Of one line."""

    def of(self, line: str, names: set[str]) -> str | None:
        """A pattern of that line with other values; None: it has another form. names: that earlier
        lines have, to which its own are added."""


class Form:
    """As it is written."""

    def __init__(self, text: str) -> None:
        self._tokens: list[re.Match[str] | str] = []
        at = 0
        for token in _TOKEN.finditer(text):
            self._tokens += [text[at : token.start()], token]
            at = token.end()
        self._tokens.append(text[at:])
        self._line = re.compile(self._pattern(iter(()), set()))

    def of(self, line: str, names: set[str]) -> str | None:
        """As LineForm has it."""
        match = self._line.match(line)
        if match is None:
            return None
        stays = [match[name] for name in match.re.groupindex if name.startswith("stays")]
        return self._pattern(iter(stays), names) + re.escape(line[match.end() :])

    def _pattern(self, stays: Iterable[str], names: set[str]) -> str:
        """stays: the texts that stay; none: they may be anything."""
        known = iter(stays)
        parts = []
        for index, token in enumerate(self._tokens):
            if isinstance(token, str):
                parts.append(re.escape(token))
            elif token["blanks"]:
                parts.append(_BLANKS[token["blanks"]])
            elif token["stays"]:
                text = next(known, None)
                parts.append(f"(?P<stays{index}>.*?)" if text is None else re.escape(text))
            elif token["name"] in names and not token["each"]:
                parts.append(f"(?P={token['name']})")
            elif token["name"]:
                name = f"{token['name']}{len(names)}" if token["each"] else token["name"]
                names.add(name)
                parts.append(f"(?P<{name}>{_KINDS[token['kind']]})")
            else:
                parts.append(_KINDS[token["kind"]])
        return "".join(parts)


class Registers:
    """Of the lines with the registers of user mode, in which nothing but the values differs."""

    def of(self, line: str, names: set[str]) -> str | None:
        """As LineForm has it."""
        if not REGISTERS.fullmatch(f"{line}\n"):
            return None
        return _REGISTER.sub(lambda value: f"{value[1] or ''}[0-9a-f]{{8,16}}", re.escape(line))


WHO = (
    Form("CPU: <dec> PID: <pid:dec> Comm: <comm:name> "),
    Form("CPU: <dec> UID: <dec> PID: <pid:dec> Comm: <comm:name> "),
    Form("Pid: <pid:dec>, comm: <comm:name> "),
)


def with_other_numbers(prefix: str) -> str:
    """A pattern of that prefix at other times."""
    parts = []
    at = 0
    for token in _DIGITS.finditer(prefix):
        parts.append(re.escape(prefix[at : token.start()]))
        at = token.end()
        if token["digits"]:
            parts.append(r"\d{1,20}")
        else:
            parts.append(" *" if prefix[token.start() - 1 : token.start()] == "[" else " +")
    return "".join(parts) + re.escape(prefix[at:])

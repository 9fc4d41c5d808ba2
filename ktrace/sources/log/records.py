"""Logs in which each message is a record of many fields: what is in the message's field counts.

journalctl -o json, json-pretty, export and verbose; dmesg --json; /dev/kmsg's " SUBSYSTEM=usb";
loggers that wrap each line in JSON ({"log": "[    1.5] ..."} of Docker and of who reads its files),
wherever in the object it stands, and whatever stands before it (LAVA's "- {").
netconsole sends longer messages in several: "6,416,1758426,-,ncfrag=16/31; the 2nd chunk"
(drivers/net/netconsole.c, send_ext_msg_udp()).
"""

import json
import re
from dataclasses import dataclass

# what must be somewhere in the text for any line of it to be a record's
_SIGNS = (
    b"MESSAGE",
    b'"msg"',
    b'"message"',
    b'"log"',
    b'"line"',
    b'"textPayload"',
    b"SUBSYSTEM=",
    b"DEVICE=",
    b"_TRANSPORT",
    b"_TIMESTAMP",
    b",ncfrag=",
)
# one of them with "=", which is where the search begins
_SIGN = re.compile(
    rb"=(?:(?<=MESSAGE=)|(?<=SUBSYSTEM=)|(?<=DEVICE=)|(?<=_TRANSPORT=)|(?<=_TIMESTAMP=)"
    rb"|(?<=,ncfrag=))"
)
# Of an object in one line; the last is Google Cloud's, that before it Loki's
_LINE_KEYS = ("MESSAGE", "message", "msg", "log", "line", "textPayload")
_LINE_KEY = re.compile(rf'"(?:{"|".join(_LINE_KEYS)})"\s*:\s*["\[]')
_OBJECTS_MAX = 8  # in one another
_DECODER = json.JSONDecoder()
_PRETTY = re.compile(r'\s*"(\w+)"\s*:\s*(.*?),?\s*$')
_FIELD = re.compile(r"\s{0,8}(_{0,2}[A-Z][A-Z0-9_]*)=(.*)", re.DOTALL)
_FRAGMENT = re.compile(r"[^;]{0,200},ncfrag=(?P<at>\d{1,7})/\d{1,7};(?P<text>.*)", re.DOTALL)
_KMSG_FIELD = re.compile(r" [A-Z][A-Z_]*=\S")
_VERBOSE = re.compile(r"\S+ \d{4}-\d\d-\d\d [\d:.]+ \S+ \[s=[0-9a-f]+;")
_MONOTONIC = (
    "_SOURCE_BOOTTIME_TIMESTAMP",
    "_SOURCE_MONOTONIC_TIMESTAMP",
    "__MONOTONIC_TIMESTAMP",
)


def has_records(text: bytes) -> bool:
    """Whether a line of it may be a record's."""
    if _SIGN.search(text):
        return True
    return (b'":' in text or b'" :' in text) and any(sign in text for sign in _SIGNS)


@dataclass(slots=True)
class Message:
    """The kernel's line that a record holds. t: seconds since its boot; None: not known."""

    text: str
    t: float | None = None
    boot: str = ""
    whole: bool = True  # False: a line of a log that has no records, which may be wrapped
    goes_on: bool = False  # with the message before it, in the middle of a word


class Records:
    """Remembers the fields of the record that is being read."""

    def __init__(self) -> None:
        self._fields: dict[str, str] = {}
        self._inside = False  # in a form with a line for each field
        self._space = False  # the last fragment ended with one

    def message(self, line: str) -> Message | None:
        """The message of a line; None where the line has another field, or nothing."""
        stripped = line.strip()
        if "{" in stripped and (entry := _object(stripped)):
            return _in_one_line(entry)
        if stripped in ("{", "}", "},", "],", "") or _VERBOSE.match(stripped):
            self._fields = {} if stripped != "" or self._inside else self._fields
            return None if self._inside or stripped else Message(line, whole=False)
        if match := _PRETTY.match(line):
            return self._pretty(match[1], match[2])
        if _KMSG_FIELD.match(line) and "MESSAGE=" not in line:
            return None
        if ",ncfrag=" in line[:250] and (match := _FRAGMENT.match(line)):
            space = " " * self._space  # which is off at the end of what is held
            self._space = match["text"].endswith(" ")
            if int(match["at"]):
                return Message(space + match["text"], goes_on=True)
        if match := _FIELD.match(line):
            return self._field(match[1], match[2], line)
        return Message(line, whole=False)

    def _pretty(self, name: str, value: str) -> Message | None:
        self._inside = True
        found = _loads(value)
        if name not in ("MESSAGE", "msg"):
            self._remember(name, str(found))
            return None
        if name == "msg":
            t = self._fields.get("time", "")
            return Message(_text(found), float(t) if re.fullmatch(r"\d{1,12}\.\d+", t) else None)
        return Message(_text(found), _microseconds(self._fields), self._fields.get("_BOOT_ID", ""))

    def _field(self, name: str, value: str, line: str) -> Message | None:
        if name == "MESSAGE":
            self._inside = True
            boot = self._fields.get("_BOOT_ID", "")
            return Message(value, _microseconds(self._fields), boot)
        if not self._inside and not name.startswith("_"):
            return Message(line, whole=False)
        self._inside = True
        self._remember(name, value)
        return None

    def _remember(self, name: str, value: str) -> None:
        if len(self._fields) < 200:
            self._fields[name] = value[:100]


def _object(line: str) -> dict[str, object] | None:
    """The JSON object in a line that has the message, which may be in another one, or in a list."""
    key = _LINE_KEY.search(line)
    at = line.find("{", 0, key.start()) if key else -1
    for _ in range(_OBJECTS_MAX):
        if key is None or at < 0:
            break
        try:
            entry, end = _DECODER.raw_decode(line, at)
        except (ValueError, RecursionError):
            entry, end = {}, 0
        if end > key.end() and any(isinstance(entry.get(name), str | list) for name in _LINE_KEYS):
            return dict(entry)
        at = line.find("{", at + 1, key.start())
    return None


def _in_one_line(entry: dict[str, object]) -> Message:
    strings = {key: value for key, value in entry.items() if isinstance(value, str)}
    text = next((_text(entry[key]) for key in _LINE_KEYS if entry.get(key)), "").rstrip()
    t = entry.get("time")  # of dmesg --json
    seconds = float(t) if isinstance(t, float) else _microseconds(strings)
    return Message(text, seconds, strings.get("_BOOT_ID", ""))


def _text(message: object) -> str:
    if isinstance(message, list):  # not UTF-8: numbers
        octets = [byte for byte in message if isinstance(byte, int) and 0 <= byte < 256]
        return bytes(octets).decode("utf-8", "backslashreplace")
    return str(message).replace("\n", " ")


def _microseconds(fields: dict[str, str]) -> float | None:
    for key in _MONOTONIC:
        value = fields.get(key, "")
        if value.isascii() and value.isdigit() and len(value) < 19:
            return int(value) / 1e6
    return None


def _loads(text: str) -> object:
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found

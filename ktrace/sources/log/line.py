"""One line of a kernel log: prefixes of every kind taken off."""

import json
import re
from dataclasses import dataclass

# What may stand before the kernel's own text, in this order; all of it may be missing:
# a mail's "> ", "<6>", "kern  :alert : " (dmesg -x), a date and "host kernel: " (syslog, journal),
# "6,1234,5678901,-;" (/dev/kmsg), "[ 1030.152737]", "[Fri Aug 21 22:37:47 2009]" (dmesg -T),
# "host kernel: " (journalctl -o short-monotonic), "[   T123]" (CONFIG_PRINTK_CALLER)
_PREFIX = re.compile(
    r"""(?:\s*>[>\s]*)?
    (?:<\d{1,3}>)?
    (?:\w+\s*:\w+\s*:\s(?=\[))?
    (?:(?:[A-Z][a-z]{2}\s+\d+\s[\d:]{8}(?:\.\d+)?
      |\d{4}-\d\d-\d\d[T ][\d:.,]+(?:Z|[+-]\d\d:?\d\d)?)\s+)?
    (?:\S{1,255}\s+kernel:\s?)?
    (?:\d{1,4},\d+,(?P<usec>\d{1,18}),[^;]{0,80};)?
    (?:\[\s*(?P<t>\d{1,12}\.\d{6})(?:\s*<[^>]*>)?\]\s?
      |\[[A-Z][a-z]{2}[ ][A-Z][a-z]{2}\s+\d+[ ][\d:]{8}[ ]\d{4}\]\s)?
    (?:\S{1,255}\s+kernel:\s?)?
    (?:\[\s*(?P<caller>[TC]\d+)\]\s?)?
    """,
    re.VERBOSE,
)
_DEVICE = re.compile(r" [A-Z][A-Z_]*=\S")  # " SUBSYSTEM=usb": more of a record of /dev/kmsg
_JSON_TIME = re.compile(r'\s*"time":\s*(\d{1,12}\.\d+)')
_JSON_MESSAGE = re.compile(r'\s*"msg":\s*(".*")')


@dataclass(frozen=True, slots=True)
class LogLine:
    """t: the kernel's time stamp, seconds; None where the log has none."""

    position: int  # in bytes
    t: float | None
    text: str
    boot: str = ""  # id, from a journal
    caller: str = ""  # "T123": by which task it was printed


class LineParser:
    """Remembers the time that `dmesg --json` gives on a line of its own."""

    def __init__(self) -> None:
        self._json_t: float | None = None

    def parse(self, position: int, raw: bytes) -> LogLine:
        """Never fails: what has no known prefix is text."""
        line = raw.decode("utf-8", "backslashreplace")
        if _DEVICE.match(line):
            return LogLine(position, None, "")
        if '"' in line[:40]:
            found = self._journal(position, line) or self._dmesg_json(position, line)
            if found:
                return found
        return self._plain(position, line)

    def _plain(self, position: int, line: str) -> LogLine:
        match = _PREFIX.match(line)
        assert match  # every part is optional
        t = float(match["t"]) if match["t"] else None
        if match["usec"]:
            t = int(match["usec"]) / 1e6
        return LogLine(position, t, line[match.end() :].rstrip(), caller=match["caller"] or "")

    def _dmesg_json(self, position: int, line: str) -> LogLine | None:
        if match := _JSON_TIME.match(line):
            self._json_t = float(match[1])
            return LogLine(position, self._json_t, "")
        if match := _JSON_MESSAGE.match(line):
            text = _loads(match[1])
            return LogLine(position, self._json_t, text) if isinstance(text, str) else None
        return None

    def _journal(self, position: int, line: str) -> LogLine | None:
        """An entry of `journalctl -o json`: one object per line."""
        if not line.startswith("{") or '"MESSAGE"' not in line:
            return None
        entry = _loads(line)
        if not isinstance(entry, dict):
            return None
        message = entry.get("MESSAGE")
        if isinstance(message, list):  # not UTF-8: numbers
            octets = [byte for byte in message if isinstance(byte, int) and 0 <= byte < 256]
            message = bytes(octets).decode("utf-8", "backslashreplace")
        text = self._plain(position, str(message))
        boot = entry.get("_BOOT_ID")
        return LogLine(
            position,
            _microseconds(entry) if text.t is None else text.t,
            text.text,
            boot=boot if isinstance(boot, str) else "",
            caller=text.caller,
        )


def _microseconds(entry: dict[str, object]) -> float | None:
    for key in ("_SOURCE_BOOTTIME_TIMESTAMP", "_SOURCE_MONOTONIC_TIMESTAMP"):
        value = entry.get(key)
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 19:
            return int(value) / 1e6
    return None


def _loads(text: str) -> object:
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found

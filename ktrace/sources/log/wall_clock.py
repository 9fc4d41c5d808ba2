"""The dates that syslog, journalctl, dmesg -T, logcat and CI systems put before a line."""

import re
from datetime import UTC, datetime, timedelta

_ISO = re.compile(
    r"(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(Z|[+-]\d\d:?\d\d)?"
)
# "Dec 26 01:02:03", "dic 26 01:02:03.123456", "26 Dec 01:02:03"; a year may follow
_SYSLOG = re.compile(
    r"([^\W\d_]{3,9})\.?\s+(\d{1,2}),?\s+(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(?:\s+(\d{4})\b)?"
)
_LOGCAT = re.compile(r"(?:^|\s)(\d\d)-(\d\d)\s(\d\d):(\d\d):(\d\d)\.(\d{3})\b")
_EPOCH = re.compile(r"^\s*(\d{9,10})\.(\d{6})\s")
_TIME = re.compile(r"(?:^|[\s\[])(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\b")
_LEAP = 2000  # a year with a 29th of February, where the log does not say which
_HALF_YEAR_S = 183 * 86400

# Months by their first letters, in the languages of glibc's larger locales
_NAMES = (
    "jan|ene|gen|janv|sty|led|oca|янв",
    "feb|fev|fév|févr|febr|lut|úno|şub|фев",
    "mar|mär|mars|mrt|maa|mrz|bře|мар",
    "apr|abr|avr|avril|kwi|dub|nis|апр",
    "may|mai|maj|mag|mei|maio|kvě|máj|мая|май",
    "jun|juni|giu|juin|cze|čer|чер|haz|июн",
    "jul|juli|lug|juil|lip|tem|июл",
    "aug|ago|août|aou|sie|srp|ağu|авг",
    "sep|set|sept|wrz|zář|eyl|сен",
    "oct|okt|ott|out|paź|říj|eki|окт",
    "nov|lis|kas|ноя",
    "dec|dez|dic|déc|des|gru|pro|ara|дек",
)
_MONTHS = {name: number for number, names in enumerate(_NAMES, 1) for name in names.split("|")}


class WallClock:
    """Seconds since the first date of the log. A log without years that goes from December to
    January is a year on."""

    def __init__(self) -> None:
        self._first: float | None = None
        self._last = 0.0
        self._years_s = 0.0

    def seconds(self, prefix: str) -> float | None:
        """None where the prefix has no date."""
        moment, dated = _moment(prefix)
        if moment is None:
            return None
        if not dated and self._first is not None:
            if moment + self._years_s < self._last - _HALF_YEAR_S:
                self._years_s += timedelta(days=366).total_seconds()
            moment += self._years_s
        self._first = moment if self._first is None else self._first
        self._last = moment
        return round(moment - self._first, 6)


def _moment(prefix: str) -> tuple[float | None, bool]:
    """Seconds since some day, and whether the year is known."""
    if ":" not in prefix and not prefix.lstrip()[:1].isdigit():
        return None, False  # not even an hour
    try:
        if match := _ISO.search(prefix):
            return _seconds([int(part) for part in match.groups()[:6]], match[7], match[8]), True
        if match := _EPOCH.search(prefix):
            return int(match[1]) + int(match[2]) / 1e6, True
        if match := _SYSLOG.search(prefix):
            name = match[1].lower()
            month = _MONTHS.get(name) or _MONTHS.get(name[:3])
            if month:
                clock = [int(match[2]), int(match[3]), int(match[4]), int(match[5])]
                year = int(match[7] or _LEAP)
                return _seconds([year, month, *clock], match[6], None), bool(match[7])
        if match := _LOGCAT.search(prefix):
            parts = [int(part) for part in match.groups()[:5]]
            return _seconds([_LEAP, *parts], match[6], None), False
        if match := _TIME.search(prefix):
            parts = [int(part) for part in match.groups()[:3]]
            return _seconds([_LEAP, 1, 1, *parts], match[4], None), False
    except (ValueError, OverflowError):  # the 31st of June
        pass
    return None, False


def _seconds(date: list[int], fraction: str | None, zone: str | None) -> float:
    year, month, day, hour, minute, second = date
    offset = timedelta()
    if zone and zone != "Z":
        digits = zone[1:].replace(":", "")
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        offset = -offset if zone[0] == "-" else offset
    moment = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)
    return (moment - offset).timestamp() + (float(f"0.{fraction}") if fraction else 0.0)

"""What stands before the kernel's own text, learnt from a line whose text is known.

The first line of a report is known by its words, so that what stands before them is the prefix of
this log, whatever wrote it. Of its shape a pattern is made: a number stands for any number, a word
for any word, but for the name before a colon ("kernel:", "Guest:"), by which the kernel's lines
differ from a daemon's.
"""

import re
from functools import lru_cache

# By these any line may begin, before anything is learnt: a mail's "> ", "<6>", "kern  :alert : "
# (dmesg -x), a date, "host kernel: ", "6,1234,5678901,-;" (/dev/kmsg, and netconsole, which may
# have the release first), "[ 1030.152737]", "[   T1]"
_USUAL = re.compile(
    r"""\s*
    (?:<\d{1,3}>\d?\s?)?
    (?:(?:[^\W\d_]{2,9}\.?,?\s+)?
      (?:[^\W\d_]{3,9}\.?\s+\d{1,2}\s+\d\d:\d\d:\d\d(?:[.,]\d+)?(?:\s\d{4})?
        |\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?
        |\d{9,10}\.\d{6}
        |\d\d-\d\d\s\d\d:\d\d:\d\d\.\d{3}\s+\d+\s+\d+\s[A-Z]\s+\S{0,20}\s?:)
      (?:\s[A-Z]{2,5}(?=\s))?\s+)?
    (?:[a-z]+\s*:[a-z]+\s*:\s+|[a-z]+\.[a-z]+\s+(?=kernel:))?
    (?:(?:In\(\d+\)\s)?\S{1,40}\s-\sGuest:\s)?
    (?:(?:\S{1,255}\s+)?kernel(?:\[\d+\])?(?::\s?|\s-\s-\s-\s))?
    (?:<\d{1,3}>)?
    (?:(?:\d+\.\d[\w.+~-]{0,80},)?\d{1,4},\d+,\d{1,18},[^;]{0,80};)?
    (?:\[\s*[+]?\d{1,12}\.\d{6}(?:\s*<[^>]*>)?\]\s?
      |\[[^\W\d_]{2,4}\.?\s[^\W\d_]{3,5}\.?\s+\d+\s[\d:]{8}\s\d{4}\]\s?)?
    (?:(?:\S{1,255}\s+)?kernel(?:\[\d+\])?:\s?)?
    (?:\[\s*[TC]\d+\]\s?)?
    """,
    re.VERBOSE,
)
_QUOTE = re.compile(r"(?:\s{0,8}>)+(?:\s(?=>|\s?))?")
_TOKEN = re.compile(r"\[[^\[\]<>]*\d[^\[\]<>]*\]|\w+|\s+|.")
_CALLER = re.compile(r"\[\s*([TC]\d+)\]\s*$")
# Behind the time may stand: what passed since (dmesg -d), the CPU ("@1", Amlogic), "s" (Huawei),
# the date (HTC)
_BEHIND = r"(?:\s*<[^>]*>|@\d{1,3}|s|\s/\s[\d.: -]{5,30})?"
STAMP = re.compile(rf"\[\s*\d{{1,12}}\.\d{{6}}{_BEHIND}\]\s?")
_STAMP = re.compile(
    rf"\[?\s*(?<![\d.+-])(\d{{1,12}}\.\d{{6}}){_BEHIND}\]"
    r"|(?:^|[\s,])\d{1,4},\d+,(\d{1,18}),[^;]*;"
)
_ONLY_STAMP = re.compile(r"\[\s*(\d{1,12}\.\d{6})\]\s*")
# Lines of most reports whose beginning is known, where the first line's is not
ANCHOR = re.compile(
    r"\b(?:CPU: \d+ (?:UID: \d+ )?PID: \d+ Comm: |Call Trace:|Hardware name: |Mem-Info:)"
)
_UNKNOWN_MAX = 80  # characters of a prefix that nobody knows
_DRIVER = re.compile(r"(?!.*\bkernel: )[A-Za-z][\w -]*: ")  # "EDAC sbridge MC1: "
_DATED = re.compile(r"\d[.:,/-]\d|<\d{1,3}>")  # a time, a date, a level: what each line has
_OPENING = re.compile(r"([\"'`]|\*\*)(?:\[[^\[\]]{1,60}\]\s*)?$")
_LEVELS = frozenset("emerg alert crit err warn warning notice info debug".split())
_LEARN_MAX = 300  # characters: what is longer is no prefix


class Prefix:
    """The shape of one log's prefixes."""

    def __init__(self, example: str) -> None:
        caller = _CALLER.search(example)
        shape = example[: caller.start()] if caller else example
        self.kernel = "kernel" in shape or "Guest:" in shape  # it tells whose line it is
        self.substantial = not shape.isspace() and shape != ""  # more than an indent
        self.stamped = self.kernel or _DATED.search(shape) is not None
        self.pattern = pattern = _pattern(shape)
        self.match = _compiled(pattern + r"(?:\[\s*(?P<caller>[TC]\d+)\]\s?)?").match
        # with the line feed before it, in many lines at once; a mail's quotes are to be taken off
        # first, and who printed a line is told one by one
        self.everywhere = _compiled(rf"\n{pattern}[^\S\n]*").subn
        self.anywhere = self.substantial and not caller and not shape.lstrip().startswith(">")


@lru_cache(maxsize=64)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def learnt(example: str) -> Prefix | None:
    """From what stood before the known text of a line; None: nothing to learn."""
    return Prefix(example) if len(example) <= _LEARN_MAX else None


def usual(line: str) -> int:
    """Where the text begins in a line of which nothing is known."""
    match = _USUAL.match(line)
    return match.end() if match else 0


def unknown(line: str) -> int:
    """The same, also by what the kernel's own text begins with, and its time stamp."""
    begin = usual(line)
    if (anchor := ANCHOR.search(line)) and anchor.start() > begin:
        return anchor.start()
    if not begin and (found := STAMP.search(line, 0, _UNKNOWN_MAX)):
        return found.end()
    return begin


def is_rest(before: str) -> bool:
    """Is what stands between a prefix and a report's first words nothing, or a driver's name?"""
    return not before or _DRIVER.fullmatch(before) is not None


def unquoted(line: str) -> str:
    """Without a mail's "> > "."""
    quote = _QUOTE.match(line) if ">" in line[:12] else None
    return line[quote.end() :] if quote else line


def stamp(prefix: str) -> float | None:
    """The kernel's own time stamp, seconds."""
    if plain := _ONLY_STAMP.fullmatch(prefix):  # the most usual prefix
        return float(plain[1])
    found = [*_STAMP.finditer(prefix[:_LEARN_MAX])]
    if not found:
        return None
    match = found[-1]  # the kernel's is the last: what logs it may have stamps of its own
    return float(match[1]) if match[1] else int(match[2]) / 1e6


def caller(prefix: str) -> str:
    """ "T123" of "[   T123]": the printing task, with CONFIG_PRINTK_CALLER."""
    match = _CALLER.search(prefix)
    return match[1] if match else ""


def closing(prefix: str) -> re.Pattern[str] | None:
    """The end of a line of which a quote, or a mark for bold type, opens before the text."""
    opened = _OPENING.search(prefix)
    return _compiled(re.escape(opened[1]) + r"[,;]?\s*$") if opened else None


def _pattern(shape: str) -> str:
    tokens = _TOKEN.findall(shape)
    parts = []
    for index, token in enumerate(tokens):
        before = tokens[index - 1] if index else ""
        after = tokens[index + 1] if index + 1 < len(tokens) else ""
        parts.append(_part(token, before, after))
    return "".join(parts)


def _part(token: str, before: str, after: str) -> str:
    if token.isspace():
        return r"[^\S\n]?" if not after and len(token) == 1 else r"[^\S\n]*"
    if token.startswith("[") and len(token) > 1:
        pid = before[-1:].isalnum() and token[1:-1].isdecimal()
        return r"\[\d+\]" if pid else r"\[[^\[\]<>\n]{1,60}\]"
    if token.isdecimal():
        return r"\d+"
    if token.isalpha():
        named = after[:1] in (":", "[") and token not in _LEVELS
        return re.escape(token) if named or token == "kernel" else r"[^\W\d_]+"
    return r"\w+" if token.isalnum() else re.escape(token)

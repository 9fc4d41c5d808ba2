"""The frames of call traces, as every architecture prints them.

x86 " [<ffffffff811cf435>] ? bad_page+0x115/0x1a0", later without addresses; arm "[<c00ec4f0>]
(bad_page) from [<c00efc64>] (get_page_from_freelist+0x714/0x9a8)", since 5.18 "bad_page from
get_page_from_freelist+0x714/0x9a8"; ppc64 "[c0000000f] [c0000000] .bad_page+0x115/0x1a0
(unreliable)"; s390 " [<000000000023b3a4>] bad_page+0xcf/0x150", "([<..>] bad_page+..)"; what
scripts/decode_stacktrace.sh makes of them: " bad_page (mm/page_alloc.c:409 (discriminator 2))".
"""

import re
from functools import lru_cache
from typing import NamedTuple

_SYMBOL = r"(?P<name>[A-Za-z_][\w.$]*\+0x[0-9a-f]+)/0x[0-9a-f]+"
_MODULE = r"(?:\s\(?(?P<module>\[[\w-]+(?=[\]\s])))?"
_FRAME = re.compile(
    r"\s*\(?(?:\[<?[0-9a-f]{0,16}>?\]\s*){0,2}\(?(?P<doubt>\?\s)?\.?" + _SYMBOL + r"\)?" + _MODULE
)
_ARM = re.compile(
    r"\s*(?:\[<[0-9a-f]+>\]\s)?\(?[\w.$]+(?:\+0x[0-9a-f]+/0x[0-9a-f]+)?(?:\s\[[\w-]+\])?\)?"
    r"\sfrom\s(?:\[<[0-9a-f]+>\]\s)?"
    r"\(?" + _SYMBOL + _MODULE
)
_DECODED = re.compile(
    r"\s*(?P<doubt>\?\s)?(?P<name>[A-Za-z_][\w.$]*)\s\((?:[^\s():]+/)?[^\s():/]+\.[chS]:\d+"
    r"(?:[^()]|\([^()]{0,40}\)){0,400}\)" + _MODULE
)
# x86 "RIP: 0010:foo+0x1/0x2", "EIP: foo+0x1/0x2"; arm "PC is at foo+0x1/0x2"; arm64
# "pc : foo+0x1/0x2"; ppc "NIP [c000000000123456] foo+0x1/0x2"; riscv "epc : foo+0x1/0x2"; mips
# "epc   : 80123456 foo+0x1/0x2"
WHERE = re.compile(
    r"(?:RIP: [0-9a-f]{4}:|EIP: |PC is at |pc : |NIP \[[0-9a-f]+\] |epc\s*: (?:[0-9a-f]+ )?)"
    r"(?:\[<[0-9a-f]+>\]\s*(?:\[<[0-9a-f]+>\]\s*)?)?\.?"
    r"(?P<name>[A-Za-z_][\w.]*)(?P<offset>\+0x[0-9a-f]+)/"
)
_BEGIN = re.compile(r"\s*(?:call )?(?:back)?trace:\s*$", re.IGNORECASE)
# Beside frames: the brackets around stacks, registers on entry, raw stack, source lines, NMI
_BESIDE = re.compile(
    r"\s*(?:</?(?:TASK|IRQ|NMI|EOE|SOFTIRQ|#\w+)>|\[<\s+inlined|RIP: |Code: |Stack\s?:|\.{3}"
    r"|\[\.\.+\]|(?:[RE][A-Z][A-Z0-9]|R\d\d|CR\d|[GC]S|EFLAGS|ORIG_RAX): ?[0-9a-f]{4,16}"
    r"|(?:[0-9a-f]{8}\s?)+$|(?:[0-9a-f]{16}\s?)+$)"
)


class Frame(NamedTuple):
    """name: "squashfs_cache_get+0x323 [squashfs]". doubtful: the unwinder marks it "?"."""

    name: str
    doubtful: bool


@lru_cache(maxsize=1 << 13)
def frame_of(text: str) -> Frame | None:
    """The frame that a line is; None: it is none. Call traces repeat, so each is read once."""
    if "+0x" in text:
        # arm's innermost function is that which prints the stack, or what "PC is at" has
        match = (_ARM.match(text) if " from " in text else None) or _FRAME.match(text)
    elif "(" in text:
        match = _DECODED.match(text)
    else:
        match = None
    if match is None:
        return None
    parts = match.groupdict()
    module = f" {parts['module']}]" if parts["module"] else ""
    return Frame(parts["name"] + module, bool(parts.get("doubt")))


def function_at(text: str) -> str:
    """ "foo+0x1" of the line that says where a CPU was; "" where it is no such line."""
    match = WHERE.search(text)
    return match["name"] + match["offset"] if match else ""


def begins(text: str) -> bool:
    """ "Call Trace:", alpha's "Trace:", arm's "Backtrace:"."""
    return text.endswith("race:") and _BEGIN.match(text) is not None


def beside(text: str) -> bool:
    """Is the line one of those that stand between the frames of a trace?"""
    return _BESIDE.match(text) is not None

"""Records without names, for a trace that can be shared: `record --redact`.

Whatever is not known to be a word of ktrace or of the kernel goes: names become pseudonyms, the
same for the same name, sentences too, since names may be in them. A field that is new is taken for
a name until it is listed here.

Virtual addresses of the kernel are changed by a mask that nobody keeps: those in one page stay in
one page, and bits that differ go on differing, which is what detectors look at. A pseudonym is a
keyed hash, so that nothing has to be remembered of a long run.
"""

import functools
import hashlib
import os
import re
import typing
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from ktrace.typed_json import Hex

T = TypeVar("T")

LEFT_OUT = "..."
# Kernel vocabulary, or ktrace's own: enumerations, symbols, what the kernel was built as
KERNEL_WORDS = frozenset(
    "by call cause causes clock code confidence constraint did fields flag_names"
    " found_by function gfp hook how kernel kernels killed kind ktrace loader machine names"
    " outcome path pattern primitive reason source state state_flags status step stuck taint"
    " verdict wait wall what".split()
)
# (record, member): a name that means something else elsewhere
_WORDS_OF = frozenset(
    {
        ("Session", "command"),
        ("Probe", "why"),
        ("ProbeChange", "why"),
        ("MemoryCount", "name"),
        ("MemoryChange", "name"),
        ("Counted", "name"),
        ("Zone", "name"),
        ("SquashfsCall", "name"),
        ("SquashfsCall", "device"),
        ("ExitProgress", "left"),
        ("Killed", "why"),
        ("Holder", "why"),
        ("Blocker", "why"),
    }
)
_FRAMES = frozenset({"stack", "top", "frame"})
_KINDS = {"comm": "task", "comms": "task", "host": "host", "boot": "boot", "boot_id": "boot"}
_CGROUPS = frozenset({"cgroup", "memcg", "domain"})
_LEFT_OUT = frozenset({"argv", "owner", "evidence", "warnings", "why"})
_PLAIN_ID = re.compile(r"[a-z]+(-[a-z]+)*-[\d.-]+", re.ASCII)
_LIVELOCK_ID = re.compile(r"(livelock-\w+-)(.*)(-[\d.]+)", re.DOTALL)
# "squashfs_cache_get+0x323 [squashfs]", "__schedule+0x2c0"
_SYMBOL = re.compile(r"[\w.$]+\+0x[0-9a-f]+(/0x[0-9a-f]+)?( \[[\w-]+\])?", re.ASCII)
_NUMBER = re.compile(r"(0x)?[0-9a-fA-F]{1,16}", re.ASCII)
_PAGE_BITS = 12
# x86-64: the upper half; the kernel's image and modules lie in the last 2 GiB. Above ERRORS are
# numbers such as -1, not addresses (IS_ERR_VALUE(), include/linux/err.h)
_KERNEL, _IMAGE, _ERRORS = 0xFFFF800000000000, 0xFFFFFFFF80000000, 0xFFFFFFFFFFFFF000


class Nameless:
    """Makes records nameless; pseudonyms and masks are those of this object alone."""

    def __init__(self, key: bytes = b"") -> None:
        """key: for tests; else a new secret."""
        self._key = key or os.urandom(32)
        self._mask = self._bits("mask", 47 - _PAGE_BITS) << _PAGE_BITS
        self._image_mask = self._bits("image", 31 - _PAGE_BITS) << _PAGE_BITS

    def of(self, record: T) -> T:
        """The same record without names."""
        whole: Any = record
        kind: Any = type(whole)
        changes: dict[str, Any] = {}
        for name in _members(kind):
            old = getattr(whole, name)
            new = self._value(kind, name, old)
            if new is not old:
                changes[name] = new
        nameless: T = replace(whole, **changes) if changes else record
        return nameless

    def _value(self, kind: Any, name: str, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(kind, name, value) if value else value
        if isinstance(value, tuple) and value:
            if name in _LEFT_OUT:
                return (LEFT_OUT,)
            return tuple(self._value(kind, name, item) for item in value)
        return self.of(value) if is_dataclass(value) else value

    def _text(self, kind: Any, name: str, text: str) -> str:
        if name in _FRAMES:
            return text if _SYMBOL.fullmatch(text) else "(address)"
        if (kind.__name__, name) in _WORDS_OF or name in KERNEL_WORDS:
            return text
        if name in _LEFT_OUT:
            return LEFT_OUT
        if name in _numbers(kind) and _NUMBER.fullmatch(text):
            return self.number(text)
        if name in _CGROUPS:
            return self._cgroup(text)
        if name == "id":
            return self._id(text)
        return self._pseudonym(_KINDS.get(name, name), text)

    def _cgroup(self, path: str) -> str:
        """Part by part: what is below what stays so."""
        parts = path.split("/")
        return "/".join(self._pseudonym("cg", part) if part else "" for part in parts)

    def _id(self, text: str) -> str:
        """A livelock's has its domain in it, others only numbers."""
        livelock = _LIVELOCK_ID.fullmatch(text)
        if livelock:
            head, domain, tail = livelock.groups()
            return head + (domain if domain == "machine" else self._cgroup(domain)) + tail
        return text if _PLAIN_ID.fullmatch(text) else self._pseudonym("id", text)

    def number(self, text: str) -> str:
        """A number in hexadecimal; only a virtual address of the kernel is changed."""
        value = int(text, 16)
        if not _KERNEL <= value < _ERRORS:
            return text
        masked = value ^ (self._image_mask if value >= _IMAGE else self._mask)
        return f"0x{masked:x}" if text.startswith("0x") else f"{masked:016x}"

    def _pseudonym(self, kind: str, name: str) -> str:
        data = f"{kind}:{name}".encode(errors="surrogatepass")
        return f"{kind}-{hashlib.blake2s(data, key=self._key, digest_size=5).hexdigest()}"

    def _bits(self, what: str, count: int) -> int:
        digest = hashlib.blake2s(what.encode(), key=self._key).digest()
        return int.from_bytes(digest[:8], "little") & (1 << count) - 1


@functools.cache
def _numbers(kind: Any) -> frozenset[str]:
    """Members that are numbers in hexadecimal."""
    hints = typing.get_type_hints(kind, include_extras=True)
    hexadecimal = {name for name, hint in hints.items() if Hex in (hint, *typing.get_args(hint))}
    return frozenset(hexadecimal | {"object", "cache", "value"} & hints.keys())


@functools.cache
def _members(kind: Any) -> tuple[str, ...]:
    return tuple(item.name for item in fields(kind))

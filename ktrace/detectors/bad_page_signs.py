"""What a bad page itself shows of its cause: signs that a failing RAM cell does not leave.

A cell changes one bit of one word. A page that somebody still uses, counts that are off by a few,
pointers, text and patterns are software's.
"""

from ktrace.events import BadPage, Sign, Trigger
from ktrace.kernel.taint import FOREIGN

_TEXT_BYTES = 6  # so many printable bytes in a row in a word of 8: somebody's text
_KERNEL_HALF = 0xFFFF << 48
_LIST_POISON = 0xDEAD << 48  # include/linux/poison.h
_ALL_ONES = (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)
# Flags of a page that is in use, of which the checks at free mind none
_IN_USE = frozenset(
    "referenced uptodate dirty swapbacked mappedtodisk workingset owner_priv_1 swapcache".split()
)
# Signs that leave one flipped bit possible
WEAK = frozenset({"flag-in-use"})
# Signs that are no evidence by themselves
NOTES = frozenset({"foreign-modules"})


def signs_of(event: BadPage) -> tuple[Sign, ...]:
    """All that the page shows; none: one wrong bit, or nothing is told."""
    flags = next((trigger for trigger in event.triggered if trigger.what == "flags"), None)
    found = _uninitialised(event)
    if not found:
        found = failed_signs(tuple(t for t in event.triggered if t.what != "flags"))
        found += _overwritten(event)
        found += _flag_signs(event, flags) if flags else []
    return (*found, *_foreign(event))


def failed_signs(failed: tuple[Trigger, ...]) -> list[Sign]:
    """Of the tests other than that of the flags."""
    return [_failed(trigger) for trigger in failed if not may_be_flip(trigger)]


def bits_sign(bits: str, names: tuple[str, ...]) -> list[Sign]:
    """Several flags at once."""
    several = bits and int(bits, 16).bit_count() > 1
    return [Sign("several-flags", "|".join(names) or bits)] if several or len(names) > 1 else []


def may_be_flip(trigger: Trigger) -> bool:
    """Whether one flipped bit makes this of a word in order, and no plausible count.

    _refcount is 0 then, _mapcount is -1 (and printed one more), mapping and memcg are NULL. Where
    only the kernel's reason is known, the value could be anything.
    """
    if trigger.what not in ("refcount", "mapcount", "mapping", "memcg"):
        return False
    if not trigger.bits:
        return trigger.what in ("mapping", "memcg")
    return flipped_bit(trigger) is not None


def flipped_bit(trigger: Trigger) -> int | None:
    """The bit of the word that is wrong, when it is one and the value is no plausible count."""
    value = int(trigger.bits or "0", 16)
    if trigger.what == "mapcount":
        value = -value & 0xFFFFFFFF
    return value.bit_length() - 1 if value >= 16 and value.bit_count() == 1 else None


def _failed(trigger: Trigger) -> Sign:
    if trigger.what == "page_type":
        names = "|".join(trigger.names)
        return Sign("double-free" if names == "buddy" else "page-type", names)
    return Sign(trigger.what, "|".join(trigger.names) or trigger.bits)


def _uninitialised(event: BadPage) -> list[Sign]:
    """All words are 0 where _mapcount of a free page is -1, or all are 1 bits, which is what
    page_init_poison() (mm/debug.c) leaves."""
    words = [_word(word) for word in event.words]
    if len(words) < 4:
        return []
    if not any(words) or all(word in _ALL_ONES for word in words):
        return [Sign("uninitialised", event.words[0])]
    return []


def _overwritten(event: BadPage) -> list[Sign]:
    """Text, a byte pattern, or a pointer where flags belong."""
    values = [trigger.bits for trigger in event.triggered if trigger.what in ("mapping", "memcg")]
    words = [event.flags, *event.words, *values]
    text = next((word for word in words if _is_text(_word(word))), None)
    if text:
        return [Sign("text", text)]
    pattern = next((word for word in words if _is_pattern(_word(word))), None)
    if pattern:
        return [Sign("pattern", pattern)]
    flags = _word(event.flags)
    if flags & _KERNEL_HALF in (_KERNEL_HALF, _LIST_POISON):
        return [Sign("pointer", event.flags)]
    return []


def _flag_signs(event: BadPage, flags: Trigger) -> list[Sign]:
    several = bits_sign(flags.bits, flags.names)
    if several:
        return several
    name = "".join(flags.names)
    if name == "private" and _word(event.private or ""):
        return [Sign("private", event.private or "")]
    if event.path == "alloc":
        return []
    if name == "slab" and (not event.words or _points(event)):
        return [Sign("slab")]
    if name == "reserved" and (not event.lru or _lists_itself(event)):
        return [Sign("reserved")]
    if name in ("lru", "active") and (not event.lru or _on_a_list(event)):
        return [Sign("on-lru", name)]
    if event.path == "free" and _IN_USE.intersection(event.flag_names):
        return [Sign("flag-in-use", name)]
    return []


def _points(event: BadPage) -> bool:
    return any(_is_pointer(word) for word in event.words[1:])


def _lists_itself(event: BadPage) -> bool:
    """As __init_single_page() (mm/mm_init.c) leaves the list head of a page that never was free."""
    return len(event.lru) == 2 and event.lru[0] == event.lru[1] and _is_pointer(event.lru[0])


def _on_a_list(event: BadPage) -> bool:
    return len(event.lru) == 2 and all(map(_is_pointer, event.lru))


def _is_pointer(text: str) -> bool:
    """Into the kernel's half; of 32 bits any such word that is not list poison."""
    word = _word(text)
    if word >> 32:
        return (
            word >> 48 >= 0x8000 and word & _KERNEL_HALF != _LIST_POISON and word not in _ALL_ONES
        )
    return 0x80000000 <= word < 0xFFFFF000


def _foreign(event: BadPage) -> list[Sign]:
    """Proprietary, out of tree, unsigned: with the letters, and names where the log has them."""
    letters = "".join(letter for letter in event.taint if letter in FOREIGN)
    names = f": {', '.join(event.modules)}" if event.modules else ""
    return [Sign("foreign-modules", letters + names)] if letters else []


def _word(text: str) -> int:
    try:
        return int(text, 16)
    except ValueError:
        return 0


def _is_text(word: int) -> bool:
    octets = word.to_bytes(8, "little") if word < 1 << 64 else b""
    longest = run = 0
    for octet in octets:
        run = run + 1 if 0x20 <= octet < 0x7F else 0
        longest = max(longest, run)
    return longest >= _TEXT_BYTES and len(set(octets)) > 1


def _is_pattern(word: int) -> bool:
    """One byte again and again: 0x78787878. Not 0, not -1."""
    octets = word.to_bytes(4 if word < 1 << 32 else 8, "little") if word < 1 << 64 else b"\0"
    return len(set(octets)) == 1 and octets[0] not in (0, 0xFF)

"""A kernel's release as numbers, for what only its version tells: logs, and what BTF lacks."""

import re
from functools import lru_cache

_NUMBERS = re.compile(r"\d{1,4}(?:\.\d{1,6}){1,2}")


@lru_cache(maxsize=64)
def release_of(text: str) -> tuple[int, ...]:
    """ "2.6.31-rc5 #1" -> (2, 6, 31); () where it is none."""
    found = _NUMBERS.match(text)
    return tuple(int(part) for part in found[0].split(".")) if found else ()

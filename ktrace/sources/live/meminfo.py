"""The text of /proc/meminfo: fs/proc/meminfo.c."""

from collections.abc import Iterable


def kib_by_name(text: str, names: Iterable[str]) -> dict[str, int]:
    """KiB of those of the counters that the kernel has, in the order of the names."""
    lines = (line.split() for line in text.splitlines())
    found = {words[0].rstrip(":"): words[1] for words in lines if len(words) > 1}
    return {name: int(found[name]) for name in names if found.get(name, "").isdigit()}

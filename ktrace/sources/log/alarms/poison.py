"""Memory that does not hold what was written to it: mm/memtest.c, mm/page_poison.c, and mm/slab.c
until 6.7."""

from ktrace.sources.log.alarms.alarm import alarm

KINDS = (
    alarm(
        "memtest",
        (b"bad mem addr",),
        r"[0-9a-f]{16} bad mem addr (?P<start>\w+) - (?P<end>\w+) reserved",
        "memtest: bad memory",
        single=True,
    ),
    alarm(
        "page-poison",
        (b"pagealloc: ",),
        r"pagealloc: (?P<what>single bit error|memory corruption)$",
        "pagealloc: {what}",
        details=(r"[0-9a-f]{8,16}: (?:[0-9a-f]{2} ?){1,16}(?:\s.*)?$",),
    ),
    alarm(  # __slab_error()
        "slab",
        (b"slab error in",),
        r"slab error in (?P<function>\w+)\(\): cache [`'](?P<cache>[^']*)': (?P<what>.*?)\s*$",
        "slab error in {cache}: {what}",
        name="slab-error",
    ),
    alarm(
        "slab",
        (b"lab corruption",),
        r"[Ss]lab corruption(?: \([^)]*\))?:? (?:(?P<cache>[\w:.-]+) )?start=\w+, len=\d+$",
        "slab corruption in {cache}",
        details=(
            r"[0-9a-f]{3,}: +(?:[0-9a-f]{2} ){2,}.*",
            r"Single bit error detected\. Probably bad RAM\.",
            r"(?:Prev|Next) obj: .*",
        ),
    ),
)

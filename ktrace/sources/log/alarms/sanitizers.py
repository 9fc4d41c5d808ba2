"""What the kernel's sanitizers report: mm/kasan/report.c, mm/kfence/report.c, mm/kmsan/report.c,
kernel/kcsan/report.c, lib/ubsan.c."""

from ktrace.sources.log.alarms.alarm import alarm

_ACCESS = r"(?P<access>Read|Write) of size \d+ at addr \S+ by task (?P<comm>.+)/(?P<pid>\d+)"

KINDS = (
    alarm(
        "kasan",
        (b"BUG: KASAN",),
        r"BUG: KASAN: (?P<what>[\w -]+?)(?: on address \S+)?(?: in (?P<function>[\w.]+)"
        r"(?:\+0x.*)?)?(?: at addr \S+)?\s*$",
        "KASAN: {what} {access} in {function}",
        details=(_ACCESS, r"The buggy address belongs to the .*", r"which belongs to the cache .*"),
        inside=("kasan",),
    ),
    alarm(
        "kfence",
        (b"BUG: KFENCE",),
        r"BUG: KFENCE: (?P<what>[\w -]+?) in (?P<function>[\w.]+)(?:\+0x.*)?$",
        "KFENCE: {what} in {function}",
    ),
    alarm(
        "kmsan",
        (b"BUG: KMSAN",),
        r"BUG: KMSAN: (?P<what>[\w -]+?) in (?P<function>[\w.]+)(?:\+0x.*)?$",
        "KMSAN: {what} in {function}",
    ),
    alarm(
        "kcsan",
        (b"BUG: KCSAN",),
        r"BUG: KCSAN: (?P<what>[\w:/ -]+?) in (?P<one>[\w.]+)(?:\+\S+)?"
        r"(?: / (?P<other>[\w.]+).*)?$",
        "KCSAN: {what} in {one} / {other}",
        words=lambda words: words if words.get("other") else words | {"other": words["one"]},
    ),
    alarm(
        "ubsan",
        (b"UBSAN: ",),
        r"UBSAN: (?P<what>[\w -]+?) in (?P<file>\S+)\s*$",
        "UBSAN: {what} in {function}",
        details=(r".*(?:out of range|is not|overflow|cannot be|too large|past the end).*",),
    ),
)

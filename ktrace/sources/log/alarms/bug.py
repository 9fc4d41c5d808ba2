"""Any other "BUG:" line: what is not known in detail is not kept silent."""

from ktrace.sources.log.alarms.alarm import alarm

KINDS = (
    alarm(
        "bug",
        (b"BUG",),
        r"(?:\w+: )?BUG: (?!Bad page state)(?P<what>[A-Za-z][^\d\[(:]*).*$",
        "BUG: {what} in {function}",
        inside=("oops", "kasan", "bad-page"),
    ),
)

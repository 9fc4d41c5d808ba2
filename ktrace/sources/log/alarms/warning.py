"""WARN_ON() and its kin: kernel/panic.c, since v6.19 in another order of words."""

from ktrace.sources.log.alarms.alarm import alarm

_TOLD_BEFORE = ("refcount", "list-corruption")  # by a line above

KINDS = (
    alarm(
        "warning",
        (b"WARNING: ",),
        r"WARNING: (?:CPU: (?P<cpu>\d+) PID: (?P<pid>\d+) )?at (?P<file>\S+?):(?P<number>\d+) "
        r"(?P<function>[\w.]+)(?:\+0x\S+|\(\)).*$",
        "WARNING in {function}",
        inside=_TOLD_BEFORE,
    ),
    alarm(
        "warning",
        (b"WARNING: ",),
        r"WARNING: (?P<file>\S+?):(?P<number>\d+) at (?P<function>[\w.]+)\+0x\S+, "
        r"CPU#(?P<cpu>\d+): "
        r"(?P<comm>.+)/(?P<pid>\d+)",
        "WARNING in {function}",
        inside=_TOLD_BEFORE,
    ),
)

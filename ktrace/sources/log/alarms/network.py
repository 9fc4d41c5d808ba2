"""Network devices: net/core/dev.c, net/sched/sch_generic.c."""

from ktrace.sources.log.alarms.alarm import alarm

KINDS = (
    alarm(
        "netdevice",
        (b"unregister_netdevice",),
        r"unregister_netdevice: waiting for (?P<device>\S+) to become free\. "
        r"Usage count = (?P<n>-?\d+)",
        "unregister_netdevice: waiting for {device}",
        single=True,
    ),
    alarm(
        "netdevice",
        (b"NETDEV WATCHDOG",),
        r"NETDEV WATCHDOG: (?:CPU: \d+: )?(?P<device>\S+) \((?P<driver>[^)]*)\): "
        r"transmit queue .*$",
        "NETDEV WATCHDOG: {driver}: transmit queue timed out",
        single=True,
    ),
)

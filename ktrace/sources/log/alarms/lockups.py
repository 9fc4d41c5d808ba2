"""CPUs that do not get on: kernel/watchdog*.c, kernel/rcu/tree_stall.h, kernel/smp.c,
kernel/workqueue.c."""

from ktrace.sources.log.alarms.alarm import alarm

KINDS = (
    alarm(
        "soft-lockup",
        (b"BUG",),
        r"(?:NMI )?(?:watchdog: )?BUG: soft lockup - CPU#(?P<cpu>\d+) stuck for (?P<seconds>\d+)s!"
        r" \[(?P<comm>.*):(?P<pid>\d+)\]",
        "BUG: soft lockup in {function}",
    ),
    alarm(
        "hard-lockup",
        (b"LOCKUP",),
        r"(?:NMI )?(?:watchdog: )*Watchdog detected hard LOCKUP on cpu (?P<cpu>\d+).*$",
        "hard LOCKUP in {function}",
    ),
    alarm(
        "hard-lockup",
        (b"LOCKUP",),
        r"(?:watchdog: )?CPU (?P<cpu>\d+) (?:self-detected|detected) hard LOCKUP.*$",
        "hard LOCKUP in {function}",
    ),
    alarm(
        "rcu-stall",
        (b"stall",),
        r"(?:rcu: )?INFO: (?P<flavour>\w+) (?:self-detected stall on CPU|detected (?:expedited )?"
        r"stalls on CPUs/tasks).*$",
        "INFO: rcu detected stall in {function}",
        inside=("rcu-stall",),
    ),
    alarm(
        "workqueue-lockup",
        (b"BUG",),
        r"BUG: workqueue lockup - pool.* stuck for (?P<seconds>\d+)s!",
        "BUG: workqueue lockup",
        single=True,
    ),
    alarm(
        "csd-lock",
        (b"csd: ",),
        r"(?:smp: )?csd: (?P<what>Detected non-responsive CSD lock|CSD lock \(#\d+\) "
        r"unresponsive).*$",
        "csd: non-responsive CSD lock",
    ),
)

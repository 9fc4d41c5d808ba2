"""Locks and contexts: kernel/locking/lockdep.c, kernel/sched/core.c, kernel/rcu/update.c,
lib/smp_processor_id.c, kernel/locking/spinlock_debug.c."""

from ktrace.sources.log.alarms.alarm import alarm

_TRYING = r"(?P<comm>\S.*)/(?P<pid>\d+) is (?:trying to (?:acquire|release) lock|freeing).*"

KINDS = (
    alarm(
        "lockdep",
        (b"WARNING: ", b"INFO: ", b"BUG"),
        r"(?:WARNING: |\[ INFO: |\[ BUG: )(?P<what>possible (?:circular|recursive|irq lock "
        r"inversion)[\w -]*|inconsistent lock state|suspicious RCU usage|"
        r"suspicious rcu_dereference_check\(\) usage|bad unlock balance detected|"
        r"[\w/ -]*-safe -> [\w/ -]*-unsafe lock order|"
        r"held lock freed|Nested lock was not taken|bad contention detected)[^\]]*(?: \])?\s*$",
        "{what} in {function}",
        details=(_TRYING, r"\S+:\d+ (?:suspicious|invoked|RCU).*"),
    ),
    alarm(
        "locks-held",
        (b"WARNING: ", b"BUG", b"INFO: "),
        r"(?:WARNING: |\[? ?BUG: |INFO: )(?:(?P<comm>\S.{0,63})/(?P<pid>\d+) (?:is exiting with "
        r"locks still held!|still has locks held!)|lock held when returning to user space!).*$",
        "locks held in {function}",
    ),
    alarm(
        "atomic-sleep",
        (b"BUG",),
        r"BUG: scheduling while atomic: (?P<comm>.+)/(?P<pid>\d+)/0x[0-9a-f]+",
        "BUG: scheduling while atomic in {function}",
    ),
    alarm(
        "atomic-sleep",
        (b"BUG",),
        r"BUG: sleeping function called from invalid context at (?P<file>\S+)",
        "BUG: sleeping function called from invalid context in {function}",
        details=(r"in_atomic\(\): .*pid: (?P<pid>\d+), name: (?P<comm>.*)",),
    ),
    alarm(
        "preemptible",
        (b"BUG",),
        r"BUG: using (?:__this_cpu_\w+\(\)|smp_processor_id\(\)) in preemptible \[\w+\] code: "
        r"(?P<comm>.+)/(?P<pid>\d+)",
        "BUG: using smp_processor_id in preemptible code in {function}",
    ),
    alarm(
        "spinlock",
        (b"BUG: spinlock", b"BUG: rwlock"),
        r"BUG: (?P<what>(?:spinlock|rwlock) [\w ,-]+?) on CPU#\d+, (?P<comm>.+)/(?P<pid>\d+)",
        "BUG: {what} in {function}",
    ),
    alarm(
        "lockdep",
        (b"INFO: ",),
        r"INFO: trying to register non-static key\.",
        "INFO: trying to register non-static key in {function}",
    ),
)

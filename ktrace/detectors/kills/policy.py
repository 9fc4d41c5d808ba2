"""By whose decision a process was killed."""

from ktrace.detectors.kills.kill import Kill

# Daemons that kill before the kernel has to, by comm, which the kernel cuts at 15 characters
DAEMONS = ("systemd-oomd", "earlyoom", "nohang", "oomd", "bustd")
_OF_CONSTRAINT = {
    "CONSTRAINT_NONE": "machine",
    "CONSTRAINT_CPUSET": "cpuset",
    "CONSTRAINT_MEMORY_POLICY": "memory-policy",
    "CONSTRAINT_MEMCG": "memory-cgroup",
}
_SYSRQ_ORDER = -1  # moom_callback() of drivers/tty/sysrq.c


def policy_of(kill: Kill) -> str:
    """Of the kernel's OOM killer: sysrq-f, or what had run out of memory: machine, memory-cgroup,
    cpuset, memory-policy; kernel where that is not known. Else the name of a daemon, signal (of
    anybody else), exit."""
    if kill.by == "oom":
        chosen = kill.choice or (kill.of.choice if kill.of else None)
        if chosen is None:
            return "kernel"
        if chosen.order == _SYSRQ_ORDER:
            return "sysrq-f"
        return _OF_CONSTRAINT.get(chosen.constraint, "kernel")
    sender = kill.sender.comm if kill.sender else ""
    if kill.by == "signal" and sender in DAEMONS:
        return sender
    return kill.by

"""Waits that a function on the stack names: where nothing is read from memory, as in a log."""

from collections.abc import Iterable

from ktrace.findings import Release
from ktrace.record import record


@record
class NamedWait:
    """What who sleeps beneath the function waits for."""

    kind: str
    detail: str
    release: Release


_KERNEL = "the kernel has to make progress; nothing in user space ends this wait"
OF_MEMORY = Release(
    "memory has to become free: a killed task that dies, reclaim, or a larger memory.max", ""
)
_RCU = Release("every CPU and task has to leave its RCU read-side critical section", "")
_LINK = Release("whoever still uses the network device has to drop its reference", "")

_IO = Release(
    "nothing in user space does: the device has to complete it, or its driver to fail it", ""
)

_OWN = "nothing in the kernel: what the program waits for has to happen"
_USER_SPACE = Release(_OWN, "")

# By the function that sleeps itself: fs/userfaultfd.c, fs/jbd2, kernel/freezer.c, kernel/signal.c,
# fs/notify/fanotify/fanotify.c, net/sunrpc/sched.c, fs/squashfs/cache.c, block/bio.c,
# block/blk-mq-tag.c, fs/buffer.c, fs/aio.c, io_uring, and what user space sleeps in:
# kernel/exit.c, fs/select.c, fs/eventpoll.c, kernel/futex, kernel/time
_SLEEPS_IN: dict[str, NamedWait] = {
    "handle_userfault": NamedWait(
        "userfaultfd",
        "a page fault that a userfaultfd handler has to serve",
        Release("the process that handles the userfaultfd has to serve the fault, or to end", ""),
    ),
    "jbd2_log_wait_commit": NamedWait(
        "jbd2", "a commit of the journal", Release("the journal's thread has to commit", "")
    ),
    "wait_transaction_locked": NamedWait(
        "jbd2",
        "the running transaction of the journal, which is being committed",
        Release("the journal's thread has to commit", ""),
    ),
    "__refrigerator": NamedWait(
        "freezer", "the freezer", Release("thaw its cgroup: cgroup.freeze, or freezer.state", "")
    ),
    "do_freezer_trap": NamedWait(
        "freezer", "the freezer", Release("thaw its cgroup", "echo 0 > cgroup.freeze")
    ),
    "fanotify_get_response": NamedWait(
        "fanotify",
        "the answer of a fanotify listener",
        Release("the listening process has to answer, or to end", ""),
    ),
    "fanotify_handle_event": NamedWait(
        "fanotify",
        "the answer of a fanotify listener",
        Release("the listening process has to answer, or to end", ""),
    ),
    "rpc_wait_bit_killable": NamedWait(
        "nfs",
        "the answer of an RPC server (NFS)",
        Release("the server has to answer; umount -f fails the requests", "umount -f MOUNTPOINT"),
    ),
    "squashfs_cache_get": NamedWait(
        "squashfs-cache",
        "an entry that is pending, or a free one",
        Release("whoever fills the entry, or holds the full cache, has to finish reading", ""),
    ),
    "submit_bio_wait": NamedWait("block-io", "on a device that is not known", _IO),
    "bio_await": NamedWait("block-io", "on a device that is not known", _IO),
    "blk_mq_get_tag": NamedWait(
        "block-request", "a request of a block device, all of which are in use", _IO
    ),
    "__wait_on_buffer": NamedWait("buffer", "of a device that is not known", _IO),
    "ptrace_stop": NamedWait(
        "ptrace",
        "its tracer",
        Release("its tracer has to continue or to detach it, or to end", ""),
    ),
    "do_signal_stop": NamedWait(
        "job-control", "SIGCONT", Release("continue the process", "kill -CONT PID")
    ),
    "exit_aio": NamedWait("aio", "requests of io_submit()", _IO),
    "io_wq_put_and_exit": NamedWait("io-uring", "workers that run its requests", _IO),
    "io_ring_exit_work": NamedWait("io-uring", "requests of a ring that was closed", _IO),
    "do_sys_poll": NamedWait("poll", "an event of its descriptors", _USER_SPACE),
    "poll_schedule_timeout": NamedWait("poll", "an event of its descriptors", _USER_SPACE),
    "do_select": NamedWait("poll", "an event of its descriptors", _USER_SPACE),
    "do_epoll_wait": NamedWait("poll", "an event of its descriptors", _USER_SPACE),
    "ep_poll": NamedWait("poll", "an event of its descriptors", _USER_SPACE),
    "futex_do_wait": NamedWait("futex", "a futex", _USER_SPACE),
    "futex_wait_queue": NamedWait("futex", "a futex", _USER_SPACE),
    "futex_wait_queue_me": NamedWait("futex", "a futex", _USER_SPACE),
    "__futex_wait": NamedWait("futex", "a futex", _USER_SPACE),
    "hrtimer_nanosleep": NamedWait("sleep", "the time that it has asked for", _USER_SPACE),
    "common_nsleep": NamedWait("sleep", "the time that it has asked for", _USER_SPACE),
}

# By a function that it sleeps beneath; the innermost counts.
_SLEEPS_BENEATH: dict[str, NamedWait] = {
    # mm/page_alloc.c, mm/oom_kill.c, mm/vmscan.c, mm/compaction.c, mm/memcontrol.c
    "mem_cgroup_out_of_memory": NamedWait(
        "memory", "the OOM killer of its memory cgroup", OF_MEMORY
    ),
    "out_of_memory": NamedWait("memory", "the OOM killer", OF_MEMORY),
    "throttle_direct_reclaim": NamedWait(
        "memory", "kswapd: direct reclaim is throttled", OF_MEMORY
    ),
    "reclaim_throttle": NamedWait("memory", "reclaim, which is throttled", OF_MEMORY),
    "try_to_free_mem_cgroup_pages": NamedWait("memory", "reclaim in its memory cgroup", OF_MEMORY),
    "try_to_free_pages": NamedWait("memory", "direct reclaim", OF_MEMORY),
    "try_to_compact_pages": NamedWait("memory", "direct compaction", OF_MEMORY),
    "mem_cgroup_handle_over_high": NamedWait("memory", "memory.high of its cgroup", OF_MEMORY),
    "__alloc_pages_slowpath": NamedWait("memory", "a page allocation", OF_MEMORY),
    "try_charge_memcg": NamedWait("memory", "a charge to its memory cgroup", OF_MEMORY),
    "try_charge": NamedWait("memory", "a charge to its memory cgroup", OF_MEMORY),
    # kernel/rcu, kernel/pid_namespace.c, fs/coredump.c, net/core/dev.c
    "wait_rcu_gp": NamedWait("rcu", "a grace period of RCU", _RCU),
    "__wait_rcu_gp": NamedWait("rcu", "a grace period of RCU", _RCU),
    "synchronize_srcu": NamedWait("rcu", "a grace period of SRCU", _RCU),
    "synchronize_rcu": NamedWait("rcu", "a grace period of RCU", _RCU),
    "synchronize_rcu_normal": NamedWait("rcu", "a grace period of RCU", _RCU),
    "synchronize_rcu_expedited": NamedWait("rcu", "a grace period of RCU", _RCU),
    "rcu_barrier": NamedWait("rcu", "callbacks of RCU, after a grace period", _RCU),
    "zap_pid_ns_processes": NamedWait(
        "pid-namespace",
        "the death of every process in its PID namespace",
        Release("the processes of the namespace have to die and to be reaped", ""),
    ),
    "coredump_wait": NamedWait(
        "coredump",
        "the other threads, so that its core can be dumped",
        Release("the other threads of the process have to stop", ""),
    ),
    # wait4() and waitid(): which of these is on the stack is the compiler's choice. The kernel
    # calls do_wait() itself, too
    **dict.fromkeys(
        (
            "kernel_wait4",
            "kernel_waitid",
            "__do_sys_wait4",
            "__x64_sys_wait4",
            "__arm64_sys_wait4",
            "__do_sys_waitid",
            "__x64_sys_waitid",
            "__arm64_sys_waitid",
        ),
        NamedWait("child", "a child to end or to stop", _USER_SPACE),
    ),
    "netdev_run_todo": NamedWait("network-device", "references to a network device", _LINK),
    "netdev_wait_allrefs_any": NamedWait("network-device", "references to a network device", _LINK),
}

NAMED_WAITS = _SLEEPS_IN | _SLEEPS_BENEATH


def named_wait(function: str, functions: Iterable[str]) -> NamedWait | None:
    """function: in which it sleeps, beneath the wait primitive's own; functions: all of the stack,
    innermost first. None where none of them is known."""
    if function in _SLEEPS_IN:
        return _SLEEPS_IN[function]
    return named_beneath(functions)


def named_beneath(functions: Iterable[str]) -> NamedWait | None:
    """By what it is beneath alone: of a thread that does not sleep, too."""
    return next((_SLEEPS_BENEATH[name] for name in functions if name in _SLEEPS_BENEATH), None)

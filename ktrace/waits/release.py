"""What ends each kind of wait, in standard terms, and the command that does it where there is one.

ktrace never does it by itself.
"""

import shlex
from collections.abc import Callable

from ktrace.events import TaskWait
from ktrace.findings import Release
from ktrace.waits.block_devices import frozen_mount, suspended_name
from ktrace.waits.throttled_bios import lifts_limit

_MOST_NAMES = 4
_Release = Callable[[TaskWait], Release]


def release_of(wait: TaskWait) -> Release:
    return RELEASES.get(wait.wait, _unknown)(wait)


def _names(wait: TaskWait) -> str:
    """Of those that hold what is waited for; empty where nobody is known."""
    tasks = [holder.task for holder in wait.holders]
    more = len(tasks) - _MOST_NAMES + wait.holders_left_out
    names = ", ".join(f"{task.comm}[{task.tid}]" for task in tasks[:_MOST_NAMES])
    return names + (f" and {more} more" if more > 0 else "")


def _kill(wait: TaskWait) -> str:
    """The command that ends those processes; empty where nobody is known."""
    pids = dict.fromkeys(holder.task.pid for holder in wait.holders)
    return "kill -KILL " + " ".join(map(str, pids)) if pids else ""


def _unknown(_wait: TaskWait) -> Release:
    return Release("what ends this wait is not known", "")


def _lock(wait: TaskWait) -> Release:
    names = _names(wait)
    if names:
        return Release(f"{names} has to release it: see what it waits for", "")
    return Release("its holder has to release it; who that is, is not known", "")


def _frozen(wait: TaskWait) -> Release:
    return Release("thaw the file system", f"fsfreeze -u {wait.target or 'MOUNTPOINT'}")


def _io(wait: TaskWait) -> Release:
    mount = frozen_mount(wait.target)
    if mount:
        return Release("thaw the file system that the device lies on", f"fsfreeze -u {mount}")
    name = suspended_name(wait.target)
    if name:
        return Release("resume the device-mapper device", f"dmsetup resume {name}")
    lifts = lifts_limit(wait.target)
    if lifts is not None:
        return Release("it ends by itself, at the rate of that limit; or without the limit", lifts)
    if wait.holders:
        return Release(f"{_names(wait)} has to do the I/O: see what it waits for", "")
    return Release(
        "nothing in user space does: the device has to complete it, or its driver to fail it", ""
    )


def _io_cost(wait: TaskWait) -> Release:
    return Release(
        "it ends by itself, when its cgroup has its share of the device again; sooner where io.cost"
        " may let the device do more at a time",
        lifts_limit(wait.target) or "",
    )


def _vfork(wait: TaskWait) -> Release:
    return Release("the child has to execute a program or exit", _kill(wait))


def _fuse(wait: TaskWait) -> Release:
    who = _names(wait)
    return Release(
        f"the FUSE server{who and f', {who},'} has to answer; aborting the connection fails the"
        " requests of all who use it",
        f"echo 1 > /sys/fs/fuse/connections/{wait.target}/abort" * bool(wait.target),
    )


def _userfaultfd(wait: TaskWait) -> Release:
    who = _names(wait) or "the process that handles the userfaultfd"
    return Release(f"{who} has to serve the fault, or to end: then the kernel does", _kill(wait))


def _fanotify(wait: TaskWait) -> Release:
    who = _names(wait) or "the listening process"
    return Release(f"{who} has to answer, or to end: then all events are allowed", _kill(wait))


def _pipe(wait: TaskWait) -> Release:
    who = _names(wait)
    return Release(f"{who or 'the other end of the pipe'} has to go on, or to close it", "")


def _socket(wait: TaskWait) -> Release:
    who = _names(wait) or "the other end of the socket"
    return Release(f"{who} has to send, or to close it", "")


def _coredump(wait: TaskWait) -> Release:
    who = _names(wait)
    return Release(f"{who or 'the rest of the process'} has to go on: see what it waits for", "")


def _ptrace(wait: TaskWait) -> Release:
    who = _names(wait) or "its tracer"
    return Release(f"{who} has to continue or to detach it, or to end", _kill(wait))


def _job_control(wait: TaskWait) -> Release:
    return Release("continue the process", f"kill -CONT {wait.target}")


def _io_uring(wait: TaskWait) -> Release:
    who = _names(wait) or "the device or file of its requests"
    return Release(f"{who} has to go on; nothing cancels a request that has begun", "")


def _aio(_wait: TaskWait) -> Release:
    return Release(
        "the devices have to complete the requests; nothing cancels one that has begun", ""
    )


def _net_device(_wait: TaskWait) -> Release:
    return Release(
        "whoever still uses the network device has to drop its reference: a socket, a route, a"
        " process that is stuck while it sends",
        "",
    )


def _squashfs(_wait: TaskWait) -> Release:
    return Release("whoever reads the block, or holds the full cache, has to finish reading", "")


def _nfs(wait: TaskWait) -> Release:
    return Release(
        "the server has to answer; umount -f fails the requests of a mount",
        f"umount -f {shlex.quote(wait.target)}" if wait.target else "umount -f MOUNTPOINT",
    )


def _driver(wait: TaskWait) -> Release:
    return Release(
        f"nothing in user space: no signal helps; only the module {wait.target} can end it,"
        " which is not of this kernel",
        "",
    )


def _cpu_bandwidth(wait: TaskWait) -> Release:
    value = "max" if wait.target.endswith("/cpu.max") else "-1"
    return Release(
        "it runs again in the next period, or with a larger limit",
        f"echo {value} > {wait.target}" * bool(wait.target),
    )


def _freezer(wait: TaskWait) -> Release:
    value = "THAWED" if wait.target.endswith("/freezer.state") else "0"
    file = shlex.quote(wait.target)
    return Release("thaw its cgroup", f"echo {value} > {file}" if wait.target else "")


def _pid_namespace(wait: TaskWait) -> Release:
    who = _names(wait) or "every process of the namespace"
    return Release(f"{who} has to go on: the members have to die, and to be reaped", "")


def _journal(_wait: TaskWait) -> Release:
    return Release("the journal's thread has to commit the transaction: see what it waits for", "")


def _work(wait: TaskWait) -> Release:
    if wait.holders:
        return Release("the worker has to finish the work item: see what it waits for", "")
    return Release("a worker of the workqueue has to run the work item", "")


def _writeback(wait: TaskWait) -> Release:
    who = _names(wait) or "a worker of the device"
    return Release(f"{who} has to write back: see what it waits for", "")


def _says(text: str) -> _Release:
    return lambda _wait: Release(text, "")


RELEASES: dict[str, _Release] = {
    "mutex": _lock,
    "rwsem": _lock,
    "semaphore": _lock,
    "rt-mutex": _lock,
    "percpu-rwsem": _lock,
    "frozen-file-system": _frozen,
    "folio": _io,
    "buffer": _io,
    "block-io": _io,
    "direct-io": _io,
    "io-cost": _io_cost,
    "writeback-throttle": _io,
    "vfork": _vfork,
    "fuse": _fuse,
    "userfaultfd": _userfaultfd,
    "fanotify": _fanotify,
    "pipe": _pipe,
    "unix-socket": _socket,
    "coredump": _coredump,
    "ptrace": _ptrace,
    "job-control": _job_control,
    "freezer": _freezer,
    "io-uring": _io_uring,
    "aio": _aio,
    "squashfs-cache": _squashfs,
    "driver": _driver,
    "nfs": _nfs,
    "network-device": _net_device,
    "cpu-bandwidth": _cpu_bandwidth,
    "pid-namespace": _pid_namespace,
    "jbd2": _journal,
    "work": _work,
    "writeback": _writeback,
    "rcu": _says("the CPUs and tasks that it waits for have to leave their read-side sections"),
    "rcu-tasks": _says(
        "the tasks that it waits for have to sleep, or to run in user space; of the trace flavour,"
        " to leave their read-side sections"
    ),
    "srcu": _says("its readers have to call srcu_read_unlock(); who they are is not known"),
    "bit": _says("whoever has set the bit has to clear it; who that is, is not known"),
    "completion": _says("whoever is to call complete() has to; who that is, is not known"),
    "wait-queue": _says("whoever is to wake the queue has to; who that is, is not known"),
}

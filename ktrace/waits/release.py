"""What ends each kind of wait, in standard terms, and the command that does it where there is one.

ktrace never does it by itself.
"""

from collections.abc import Callable

from ktrace.events import TaskWait
from ktrace.findings import Release
from ktrace.waits.block_devices import suspended_name

_Release = Callable[[TaskWait], Release]


def release_of(wait: TaskWait) -> Release:
    return _RELEASES.get(wait.wait, _unknown)(wait)


def _unknown(_wait: TaskWait) -> Release:
    return Release("what ends this wait is not known", "")


def _lock(wait: TaskWait) -> Release:
    tasks = [holder.task for holder in wait.holders]
    if tasks:
        names = ", ".join(f"{task.comm}[{task.tid}]" for task in tasks)
        return Release(f"{names} has to release it: see what it waits for", "")
    return Release("its holder has to release it; who that is, is not known", "")


def _frozen(wait: TaskWait) -> Release:
    return Release("thaw the file system", f"fsfreeze -u {wait.target or 'MOUNTPOINT'}")


def _io(wait: TaskWait) -> Release:
    name = suspended_name(wait.target)
    if name:
        return Release("resume the device-mapper device", f"dmsetup resume {name}")
    return Release(
        "nothing in user space does: the device has to complete it, or its driver to fail it", ""
    )


def _vfork(wait: TaskWait) -> Release:
    pids = " ".join(str(holder.task.pid) for holder in wait.holders)
    return Release("the child has to execute a program or exit", f"kill -KILL {pids}" * bool(pids))


def _fuse(wait: TaskWait) -> Release:
    return Release(
        "the FUSE server has to answer; aborting the connection fails every request on it",
        f"echo 1 > /sys/fs/fuse/connections/{wait.target}/abort" * bool(wait.target),
    )


_RELEASES: dict[str, _Release] = {
    "mutex": _lock,
    "rwsem": _lock,
    "percpu-rwsem": _lock,
    "frozen-file-system": _frozen,
    "folio": _io,
    "buffer": _io,
    "block-io": _io,
    "vfork": _vfork,
    "fuse": _fuse,
}

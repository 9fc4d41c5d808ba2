"""A request to a FUSE server: request_wait_answer() of fs/fuse/dev.c.

The server is the process that has the connection's device open. Of fuse_dev there is no way back
to its file, so the descriptor tables are searched for it.
"""

from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel, KernelTask
from ktrace.waits.lists import members
from ktrace.waits.open_files import opened, threads_of
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.wait_queue import WANTS, queue_of

_SERVER = "has the device of the FUSE connection open"
_MOST_DEVICES = 64  # clones of one connection
_MOST_THREADS = 64
_UNINTERRUPTIBLE = 2  # TASK_UNINTERRUPTIBLE, include/linux/sched.h
_CONNECTIONS = ("fuse_conn", "fuse_chan")  # which of the two has the devices: see _connection()
_STATES = ("task_struct.__state", "task_struct.state")  # renamed in v5.14


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    if not sleeper.is_in("request_wait_answer"):
        return None
    layout = kernel.layout
    queue = queue_of(sleeper, kernel)
    evidence = "wait_queue_entry on its stack"
    if queue is None or not layout.has("fuse_req.waitq.head"):
        return None
    request = queue.head - layout["fuse_req.waitq.head"]
    connection, devices = _connection(request, kernel)
    device = kernel.number(connection, "fuse_conn.dev") if connection else None
    if device is None:
        return Found("fuse", request, "a request", (evidence,))
    number = device & (1 << 20) - 1
    servers, whole = _servers(sleeper.address, devices, kernel)
    return Found(
        "fuse",
        connection,
        _detail(number, connection, kernel) + _unknown_server(servers, whole),
        (evidence, "fuse_req", *(("fuse_dev in a descriptor table",) if servers else ())),
        tuple((task, _SERVER) for task in servers),
        target=str(number),
    )


def _detail(number: int, connection: int, kernel: Kernel) -> str:
    """ "connection 42 (/mnt), 3 requests without an answer": of all who use it."""
    mount = kernel.mounts.get(f"0:{number}", "")
    text = f"connection {number}" + (f" ({mount})" if mount else "")
    if not kernel.layout.has("fuse_conn.num_waiting"):
        return text
    waiting = kernel.number(connection, "fuse_conn.num_waiting") or 0
    return text + (f", {waiting} requests without an answer" if waiting > 1 else "")


def _unknown_server(servers: list[KernelTask], whole: bool) -> str:
    if servers:
        return ""
    return ", whose server is not known" if not whole else ", whose device no process has open"


def _connection(request: int, kernel: Kernel) -> tuple[int, int]:
    """The struct fuse_conn, and the list of its devices. By its mount; newer kernels (seen on 7.2)
    have a struct fuse_chan between the two."""
    layout = kernel.layout
    for first, second in (("fm", "fuse_mount.fc"), ("chan", "fuse_chan.conn")):
        if layout.has(f"fuse_req.{first}", second):
            between = kernel.member(request, f"fuse_req.{first}") or 0
            connection = kernel.member(between, second) or 0 if between else 0
            for owner, at in zip(_CONNECTIONS, (connection, between), strict=True):
                devices = layout.get(f"{owner}.devices")
                if devices is not None and at:
                    return connection, at + devices
            return connection, 0
    return 0, 0


def _servers(near: int, devices: int, kernel: Kernel) -> tuple[list[KernelTask], bool]:
    """The processes, by one thread, and their other threads that sleep uninterruptibly; whether
    there can be no more."""
    if not devices or not kernel.layout.has("fuse_dev.entry"):
        return [], False
    nodes, whole = members(kernel, devices, _MOST_DEVICES)
    found = opened(kernel, near, [node - kernel.layout["fuse_dev.entry"] for node in nodes])
    servers = {task.tid: task for task in found.tasks}
    for task in found.tasks:
        for thread in threads_of(kernel, task.address)[:_MOST_THREADS]:
            asleep = kernel.task(thread) if _is_uninterruptible(thread, kernel) else None
            if asleep:
                servers[asleep.tid] = asleep
    return [*servers.values()], whole and found.whole


def _is_uninterruptible(task: int, kernel: Kernel) -> bool:
    path = next((path for path in _STATES if kernel.layout.has(path)), None)
    return bool(path and (kernel.number(task, path) or 0) & _UNINTERRUPTIBLE)


KIND = Kind(
    "fuse",
    (
        *WANTS,
        *_STATES,
        "fuse_req.waitq.head",
        "fuse_req.fm",
        "fuse_mount.fc",
        "fuse_req.chan",
        "fuse_chan.conn",
        "fuse_conn.dev",
        "fuse_conn.num_waiting",
        "fuse_conn.devices",
        "fuse_chan.devices",
        "fuse_dev.entry",
    ),
    _read,
    tells="the connection, its mount, how many requests wait",
    holder="the processes that have its device open",
    released="the server; `.../abort`",
    seen="6.1, 6.12, 6.18, 7.2",
)

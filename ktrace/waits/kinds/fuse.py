"""A request to a FUSE server: request_wait_answer() of fs/fuse/dev.c."""

import struct

from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.wait_queue import WANTS, queue_entry, queue_of


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    if not sleeper.is_in("request_wait_answer"):
        return None
    layout = kernel.layout
    entry = queue_entry(sleeper, kernel)
    queue = queue_of(entry, kernel) if entry else None
    evidence = ("wait_queue_entry on its stack",)
    if queue is None or not queue.head or not layout.has("fuse_req.waitq.head"):
        return None
    request = queue.head - layout["fuse_req.waitq.head"]
    connection = _connection(request, kernel)
    if not connection:
        return Found("fuse", request, "a request", evidence)
    data = kernel.memory.read(connection + layout["fuse_conn.dev"], 4)
    if data is None:
        return Found("fuse", request, "a request", evidence)
    number = struct.unpack("=I", data)[0] & (1 << 20) - 1
    return Found(
        "fuse",
        connection,
        f"connection {number}",
        (*evidence, "fuse_req"),
        target=str(number),
    )


def _connection(request: int, kernel: Kernel) -> int:
    """By its mount; newer kernels (seen on 7.2) have a struct fuse_chan between the two."""
    for first, second in (("fm", "fuse_mount.fc"), ("chan", "fuse_chan.conn")):
        if kernel.layout.has(f"fuse_req.{first}", second):
            between = kernel.member(request, f"fuse_req.{first}")
            return kernel.member(between, second) or 0 if between else 0
    return 0


KIND = Kind(
    "fuse",
    (
        *WANTS,
        "fuse_req.waitq.head",
        "fuse_req.fm",
        "fuse_mount.fc",
        "fuse_req.chan",
        "fuse_chan.conn",
        "fuse_conn.dev",
    ),
    _read,
)

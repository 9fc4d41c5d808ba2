"""Data in a Unix socket, from its peer: net/unix/af_unix.c."""

from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.open_files import opened
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.wait_queue import WANTS, queue_of

# what waits may be inlined
_READS = ("unix_stream_data_wait", "unix_stream_read_generic", "__skb_wait_for_more_packets")
_PEER = "has the other end of the socket open"


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    """The queue is that of the struct socket, whose peer has a struct socket of its own."""
    if sleeper.function not in _READS or not any(f.startswith("unix_") for f in sleeper.functions):
        return None
    queue = queue_of(sleeper, kernel)
    if queue is None:
        return None
    layout = kernel.layout
    socket = queue.head - layout["wait_queue_head.head"] - layout["socket.wq.wait"]
    own = kernel.member(socket, "socket.sk")
    if not own or kernel.member(own, "sock.sk_socket") != socket:
        return None
    peer = kernel.member(own, "unix_sock.peer")
    other = kernel.member(peer, "sock.sk_socket") if peer else None
    found = opened(kernel, sleeper.address, [other]) if other else None
    tasks = [task for task in found.tasks if task.pid != sleeper.pid] if found else []
    return Found(
        "unix-socket",
        socket,
        "data in a Unix socket" + (", whose other end is closed" if peer and not other else ""),
        ("wait_queue_entry on its stack", "unix_sock.peer"),
        tuple((task, _PEER) for task in tasks),
    )


KIND = Kind(
    "unix-socket",
    (*WANTS, "socket.wq.wait", "socket.sk", "sock.sk_socket", "unix_sock.peer"),
    _read,
    tells="that it waits for data, whether the peer has closed",
    holder="the processes that have the other end open",
    released="they",
    seen="6.12, 6.18, 7.2",
)

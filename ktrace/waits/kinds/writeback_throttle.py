"""Writes that wait until fewer are in flight: wbt_wait(), block/blk-wbt.c.

It limits the writes of writeback so that reads are not slow. rq_qos_wait() of block/blk-rq-qos.c
has the wait object on its stack.
"""

from ktrace.waits.block_devices import WANTS as DEVICE_WANTS
from ktrace.waits.block_devices import BlockDevice, block_device
from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.loop_devices import WANTS as LOOP_WANTS
from ktrace.waits.loop_devices import servers
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.wait_list import linked
from ktrace.waits.wait_queue import WANTS

_FUNCTION, _WAKES = "wbt_wait", "rq_qos_wake_function"
# rq_qos_wait_data named its task until wait_queue_entry.private did
_TASKS = ("rq_qos_wait_data.task", "wait_queue_entry.private")


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    if not sleeper.is_in(_FUNCTION):
        return None
    layout = kernel.layout
    data = _wait_data(sleeper, kernel)
    queue = sleeper.word(data + layout["rq_qos_wait_data.rqw"]) if data else None
    given = sleeper.word(data + layout["rq_qos_wait_data.private_data"]) if data else None
    throttle = kernel.member(given, "wbt_wait_data.rwb") if given else None
    if not queue or not throttle:
        return None
    address, device = _device(kernel, throttle + layout["rq_wb.rqos"])
    in_flight = kernel.number(queue, "rq_wait.inflight")
    return Found(
        "writeback-throttle",
        queue,
        f"fewer writes in flight to {device.text}: there are {in_flight}",
        ("rq_qos_wait_data on its stack", "rq_wait.inflight"),
        servers(kernel, address),
        target=device.target,
    )


def _wait_data(sleeper: Sleeper, kernel: Kernel) -> int:
    """The struct that names the sleeper and is in a queue; 0: none."""
    layout = kernel.layout
    entry = layout["rq_qos_wait_data.wq"]
    for path in _TASKS:
        if not layout.has(path):
            continue
        within = layout[path] + (0 if path == _TASKS[0] else entry)
        for hit in sleeper.holding(sleeper.address):
            data = hit - within
            called = sleeper.word(data + entry + layout["wait_queue_entry.func"])
            node = data + entry + layout["wait_queue_entry.entry"]
            if called and kernel.symbol(called) == _WAKES and linked(kernel, node):
                return data
    return 0


def _device(kernel: Kernel, policy: int) -> tuple[int, BlockDevice]:
    """Of a struct rq_qos. It had the request queue until ce57b558604e ("blk-rq-qos: make rq_qos_add
    and rq_qos_del more useful")."""
    if kernel.layout.has("rq_qos.disk"):
        disk = kernel.member(policy, "rq_qos.disk")
    else:
        queue = kernel.member(policy, "rq_qos.q")
        disk = kernel.member(queue, "request_queue.disk") if queue else None
    address = kernel.member(disk, "gendisk.part0") or 0 if disk else 0
    return address, block_device(kernel, address)


KIND = Kind(
    "writeback-throttle",
    (
        *WANTS,
        *DEVICE_WANTS,
        *LOOP_WANTS,
        "rq_qos_wait_data.wq",
        "rq_qos_wait_data.task",
        "rq_qos_wait_data.rqw",
        "rq_qos_wait_data.private_data",
        "rq_wait.inflight",
        "wbt_wait_data.rwb",
        "rq_wb.rqos",
        "rq_qos.disk",
        "rq_qos.q",
        "request_queue.disk",
        "gendisk.part0",
    ),
    _read,
    tells="the device, and how many writes are in flight",
    holder="of a loop device, the workers that do its I/O; else nobody",
    released="the device; `dmsetup resume`, `fsfreeze -u`",
    seen="6.1, 6.18",
)

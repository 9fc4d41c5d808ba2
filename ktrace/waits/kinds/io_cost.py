"""A turn for I/O, which io.cost gives a cgroup by its weight: block/blk-iocost.c.

In ioc_rqos_throttle(): what the bio costs is more than the cgroup may spend by now. Its budget
grows with time; nobody holds anything.
"""

from ktrace.waits.block_devices import WANTS as DEVICE_WANTS
from ktrace.waits.block_devices import bio_device
from ktrace.waits.cgroups import Where, where_is
from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.throttled_bios import WANTS as LIMIT_WANTS
from ktrace.waits.throttled_bios import cgroup_of, disk_numbers, limit_target
from ktrace.waits.wait_queue import WANTS, queue_entry, queue_of

_FUNCTION, _WAKES = "ioc_rqos_throttle", "iocg_wake_fn"


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    if not sleeper.is_in(_FUNCTION):
        return None
    entry = queue_entry(sleeper, kernel, _WAKES)
    queue = queue_of(sleeper, kernel, _WAKES)
    if entry is None or queue is None:
        return None
    layout = kernel.layout
    wait = entry.address - layout["iocg_wait.wait"]
    bio = sleeper.word(wait + layout["iocg_wait.bio"])
    group = queue.head - layout["wait_queue_head.head"] - layout["ioc_gq.waitq"]
    address, device = bio_device(kernel, bio) if bio else (0, None)
    where = where_is(kernel, cgroup_of(kernel, group + layout["ioc_gq.pd"]), "")
    name = device.text if device else "a device that is not known"
    return Found(
        "io-cost",
        group,
        f"the share of {name} that io.cost gives to cgroup {where.path}",
        ("iocg_wait on its stack",),
        waiters=queue.waiters,
        target=_target(kernel, where, _disk(kernel, address)),
    )


def _disk(kernel: Kernel, device: int) -> int:
    """The gendisk of what bio_device() found."""
    if device and kernel.layout.has("bio.bi_bdev"):
        return kernel.member(device, "block_device.bd_disk") or 0
    return device


def _target(kernel: Kernel, where: Where, disk: int) -> str:
    """io.cost.qos is a file of the root alone."""
    _, shown = kernel.cgroups.get("", ("", ""))
    if not disk or shown != "/":
        return ""
    file = Where("/", where.mount).file("io.cost.qos")
    return limit_target([(f"{disk_numbers(kernel, disk)} min=10000.00 max=10000.00", file)])


KIND = Kind(
    "io-cost",
    (
        *WANTS,
        *DEVICE_WANTS,
        *LIMIT_WANTS,
        "iocg_wait.wait",
        "iocg_wait.bio",
        "ioc_gq.waitq",
        "ioc_gq.pd",
    ),
    _read,
    tells="the device, and the cgroup whose share of it by `io.cost` is used up",
    holder="nobody",
    released="time; `echo 'MAJOR:MINOR min=10000.00 max=10000.00' > .../io.cost.qos`",
    seen="6.1",
)

"""A buffer that is locked: __wait_on_buffer(), fs/buffer.c, kernel/sched/wait_bit.c."""

from ktrace.waits.bio_progress import WANTS as PROGRESS_WANTS
from ktrace.waits.bio_progress import progress
from ktrace.waits.bios import Wanted
from ktrace.waits.block_devices import WANTS as DEVICE_WANTS
from ktrace.waits.block_devices import BlockDevice, block_device
from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.loop_devices import WANTS as LOOP_WANTS
from ktrace.waits.loop_devices import servers
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.wait_queue import WANTS, queue_entry

_BUFFER_WAITS = ("__wait_on_buffer", "__lock_buffer")  # fs/buffer.c
_BH_LOCK = 2  # BH_Lock of enum bh_state_bits, include/linux/buffer_head.h
_SIZES = tuple(512 << shift for shift in range(8))


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    entry = queue_entry(sleeper, kernel, "wake_bit_function")
    if entry is None:
        return None
    layout = kernel.layout
    base = entry.address - layout["wait_bit_queue_entry.wq_entry"]
    word = sleeper.word(base + layout["wait_bit_queue_entry.key.flags"])
    bit = sleeper.word(base + layout["wait_bit_queue_entry.key.bit_nr"])
    if not word or bit is None:
        return None
    bit &= 0xFFFFFFFF
    evidence = ("wait_bit_queue_entry on its stack",)
    buffer = word - layout["buffer_head.b_state"]
    address = kernel.member(buffer, "buffer_head.b_bdev") or 0
    device = block_device(kernel, address)
    if sleeper.is_in(*_BUFFER_WAITS) or _is_buffer(buffer, bit, device, kernel):
        block = kernel.wide_member(buffer, "buffer_head.b_blocknr")
        # end_bio_bh_io_sync() has it so
        reached = progress(kernel, address, device, Wanted(private=buffer))
        return Found(
            "buffer",
            buffer,
            f"block {block} of {device.text}{reached.text}",
            (*evidence, *reached.evidence),
            servers(kernel, address),
            target=reached.target,
        )
    return None


def _is_buffer(address: int, bit: int, device: BlockDevice, kernel: Kernel) -> bool:
    """Is it a struct buffer_head? __wait_on_buffer() ends in a call whose frame replaces its own
    (seen on 6.1), so that the stack does not tell."""
    size = kernel.member(address, "buffer_head.b_size")
    return bit == _BH_LOCK and device.in_sysfs and size in _SIZES


KIND = Kind(
    "buffer",
    (
        *WANTS,
        *DEVICE_WANTS,
        *LOOP_WANTS,
        *PROGRESS_WANTS,
        "wait_bit_queue_entry.wq_entry",
        "wait_bit_queue_entry.key.flags",
        "wait_bit_queue_entry.key.bit_nr",
        "buffer_head.b_state",
        "buffer_head.b_bdev",
        "buffer_head.b_size",
        "buffer_head.b_blocknr",
    ),
    _read,
    tells="block and device, a suspended one, a limit of a cgroup, the request's age and who "
    "submitted it",
    holder="of a loop device, the workers that do its I/O; else not known",
    released="the device; `dmsetup resume`, `echo ... > .../io.max`",
    seen="5.10, 6.1, 6.12, 7.2",
)

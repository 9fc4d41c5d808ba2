"""A locked buffer, or another word's bit: wait_on_bit(), kernel/sched/wait_bit.c."""

from ktrace.waits.block_devices import WANTS as DEVICE_WANTS
from ktrace.waits.block_devices import device_name, io_target
from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.wait_queue import WANTS, queue_entry

_BUFFER_WAITS = ("__wait_on_buffer", "__lock_buffer")  # fs/buffer.c


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
    evidence = ("wait_bit_queue_entry on its stack",)
    if sleeper.is_in(*_BUFFER_WAITS):
        buffer = word - layout["buffer_head.b_state"]
        device = kernel.member(buffer, "buffer_head.b_bdev")
        name = device_name(kernel, device) if device else ""
        block = kernel.member(buffer, "buffer_head.b_blocknr")
        detail = f"block {block} of {name or 'a device that is not known'}"
        return Found("buffer", buffer, detail, evidence, target=io_target(name))
    return Found("bit", word, f"bit {bit & 0xFFFFFFFF} of a word", evidence)


KIND = Kind(
    "buffer",
    (
        *WANTS,
        *DEVICE_WANTS,
        "wait_bit_queue_entry.wq_entry",
        "wait_bit_queue_entry.key.flags",
        "wait_bit_queue_entry.key.bit_nr",
        "buffer_head.b_state",
        "buffer_head.b_bdev",
        "buffer_head.b_blocknr",
    ),
    _read,
)

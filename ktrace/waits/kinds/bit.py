"""A bit of a word, or a variable: wait_on_bit(), wait_var_event(), kernel/sched/wait_bit.c.

Who clears the bit is kept nowhere.
"""

from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.wait_queue import WANTS, queue_entry

# i_state of an inode, include/linux/fs.h: numbers until v6.11, then enum inode_state_bits
_INODE_BITS = {3: "__I_NEW", 7: "__I_SYNC"}
_MEANT = {"__I_NEW": "being read", "__I_SYNC": "being written back"}
_ENUM = "inode_state_bits"


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    layout = kernel.layout
    for function in ("wake_bit_function", "var_wake_function"):
        entry = queue_entry(sleeper, kernel, function)
        if entry is None:
            continue
        base = entry.address - layout["wait_bit_queue_entry.wq_entry"]
        word = sleeper.word(base + layout["wait_bit_queue_entry.key.flags"])
        bit = sleeper.word(base + layout["wait_bit_queue_entry.key.bit_nr"])
        if not word or bit is None:
            return None
        number = bit & 0xFFFFFFFF if function == "wake_bit_function" else None
        detail = _detail(word, number, kernel)
        return Found("bit", word, detail, ("wait_bit_queue_entry on its stack",))
    return None


def _detail(word: int, bit: int | None, kernel: Kernel) -> str:
    inode = _of_inode(word, bit, kernel)
    if inode:
        return inode
    name = kernel.data_symbol(word)
    if bit is None:
        return f"the variable {name}" if name else "a variable"
    return f"bit {bit} of {name or 'a word'}"


def _of_inode(word: int, bit: int | None, kernel: Kernel) -> str:
    """Since v6.12 the address alone says it: that of i_state plus the bit's number."""
    named = {number: name for name, number in kernel.enums.get(_ENUM, {}).items()}
    bits = named if bit is None else {bit: _INODE_BITS[bit]} if bit in _INODE_BITS else {}
    for number, name in bits.items():
        address = word - kernel.layout["inode.i_state"] - (number if bit is None else 0)
        found = kernel.inode(address)
        if found:
            return f"{found}, {_MEANT.get(name, name)}"
    return ""


KIND = Kind(
    "bit",
    (
        *WANTS,
        "wait_bit_queue_entry.wq_entry",
        "wait_bit_queue_entry.key.flags",
        "wait_bit_queue_entry.key.bit_nr",
        "inode.i_state",
    ),
    _read,
    tells="which bit, of which variable, or of an inode's state",
    released="whoever clears it",
    seen="5.10, 6.1, 6.12, 7.2",
)

"""A grace period of SRCU: synchronize_srcu(), kernel/rcu/srcutree.c. Readers are only counted."""

from ktrace.plural import count
from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.per_cpu import each_cpu, sum_of
from ktrace.waits.sleeper import Sleeper

_FUNCTIONS = ("__synchronize_srcu", "synchronize_srcu", "synchronize_srcu_expedited")
# locks and unlocks of each CPU, since v6.15 in pairs
_PAIRS, _LOCKS, _UNLOCKS = "srcu_data.srcu_ctrs", "srcu_ctr.srcu_locks", "srcu_ctr.srcu_unlocks"
_LOCK_COUNT, _UNLOCK_COUNT = "srcu_data.srcu_lock_count", "srcu_data.srcu_unlock_count"


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    found = _domain(sleeper, kernel) if sleeper.is_in(*_FUNCTIONS) else None
    if not found:
        return None
    domain, data = found
    readers = _readers(data, kernel)
    name = kernel.data_symbol(domain)
    held = "" if readers is None else f"{count(readers, 'reader')} inside"
    return Found(
        "srcu",
        domain,
        ", ".join(filter(None, (f"a grace period of {name or 'an srcu_struct'}", held))),
        ("srcu_struct", *(() if readers is None else ("srcu_data",))),
    )


def _domain(sleeper: Sleeper, kernel: Kernel) -> tuple[int, int] | None:
    """The srcu_struct, in a register that callees saved, and its srcu_data of each CPU, which
    points back to it."""
    for word, data in kernel.members(sleeper.elsewhere(), kernel.layout["srcu_struct.sda"]):
        first = each_cpu(kernel, data)[:1]
        if first and kernel.member(first[0], "srcu_data.ssp") == word:
            return word, data
    return None


def _readers(data: int, kernel: Kernel) -> int | None:
    """Those of both indices, so too such as came after the grace period began."""
    layout = kernel.layout
    if layout.has(_PAIRS, _LOCKS, _UNLOCKS, "srcu_ctr"):
        base, size = layout[_PAIRS], layout["srcu_ctr"]
        locks = [base + layout[_LOCKS] + index * size for index in (0, 1)]
        unlocks = [base + layout[_UNLOCKS] + index * size for index in (0, 1)]
    elif layout.has(_LOCK_COUNT, _UNLOCK_COUNT):
        locks = [layout[_LOCK_COUNT] + index * kernel.width.word for index in (0, 1)]
        unlocks = [layout[_UNLOCK_COUNT] + index * kernel.width.word for index in (0, 1)]
    else:
        return None
    total = 0
    for sign, offsets in ((1, locks), (-1, unlocks)):
        for offset in offsets:
            found = sum_of(kernel, data + offset, kernel.width.word)
            if found is None:
                return None
            total += sign * found
    return total


KIND = Kind(
    "srcu",
    (
        "srcu_struct.sda",
        "srcu_data.ssp",
        _PAIRS,
        "srcu_ctr",
        _LOCKS,
        _UNLOCKS,
        _LOCK_COUNT,
        _UNLOCK_COUNT,
    ),
    _read,
    tells="the srcu_struct, where it is static; how many readers are inside",
    released="the readers",
    seen="5.10, 6.1, 6.12, 7.2",
)

"""Bios that a cgroup's limit of I/O holds back: io.max, block/blk-throttle.c.

Each queue has the groups that do I/O to it; each group (throtl_grp) has lists of bios that wait
for its limit, and on the way up, for its parent's.
"""

import shlex
from collections.abc import Iterable, Iterator

from ktrace.record import record
from ktrace.waits.bios import WANTS as BIO_WANTS
from ktrace.waits.bios import chain
from ktrace.waits.cgroups import WANTS as CGROUP_WANTS
from ktrace.waits.cgroups import where_is
from ktrace.waits.kernel import Kernel
from ktrace.waits.lists import members

_NEEDED = (
    "gendisk.queue",
    "gendisk.major",
    "gendisk.first_minor",
    "request_queue.blkg_list",
    "request_queue.td",
    "throtl_data.nr_queued",
    "blkcg_gq",
    "blkcg_gq.q_node",
    "blkcg_gq.blkcg",
    "blkcg_gq.pd",
    "blkcg.css",
    "throtl_grp.td",
    "throtl_grp.service_queue",
    "throtl_service_queue.parent_sq",
    "throtl_grp.qnode_on_self",
    "throtl_grp.qnode_on_parent",
    "throtl_qnode",
    "throtl_grp.bps",
    "throtl_grp.iops",
    "bio_list.head",
)
# one list, or one for each of the two limits
_LISTS = ("throtl_qnode.bios", "throtl_qnode.bios_bps", "throtl_qnode.bios_iops")
_CONFIGURED = "throtl_grp.bps_conf"  # lies between bps and iops where there are low limits
WANTS = (*BIO_WANTS, *CGROUP_WANTS, *_NEEDED, *_LISTS, _CONFIGURED)
_MOST_GROUPS, _MOST_POLICIES, _MOST_BIOS = 256, 8, 1000
_READ, _WRITE = 0, 1
# of reads and of writes: what they are called, and the files of v1 and the words of io.max
_WORDS = {_READ: ("reads", "read", "r"), _WRITE: ("writes", "write", "w")}
_NO_BYTES, _NO_REQUESTS = (1 << 64) - 1, (1 << 32) - 1
_NAMES = {"bytes/s": "bps", "requests/s": "iops"}
_MARK = "throttled:"


@record
class Throttle:
    """The group whose limit holds a bio back, and whether it reads or writes."""

    group: int
    direction: int


def lifts_limit(target: str) -> str | None:
    """The command for a target, which may be empty; None where it is another's."""
    if not target.startswith(_MARK):
        return None
    parts = target.removeprefix(_MARK).split("\t")
    pairs = zip(parts[::2], parts[1::2], strict=False)
    return "; ".join(f"echo {shlex.quote(value)} > {shlex.quote(file)}" for value, file in pairs)


def limit_target(written: Iterable[tuple[str, str]]) -> str:
    """What lifts_limit() takes: values, and the files that they are written to; those without a
    file are left out."""
    return _MARK + "\t".join(part for pair in written if pair[1] for part in pair)


def throttled_bios(kernel: Kernel, disk: int) -> Iterator[tuple[int, Throttle]]:
    """Each bio that a limit holds back from the disk, and which."""
    if not kernel.layout.has(*_NEEDED):
        return
    queue = kernel.member(disk, "gendisk.queue")
    data = kernel.member(queue, "request_queue.td") if queue else None
    if not queue or not data or not kernel.member(data, "throtl_data.nr_queued"):  # of both, or 0
        return
    for group in _groups(kernel, queue, data):
        for direction, first, limited in _lists(kernel, group, data):
            throttle = Throttle(limited, direction)
            yield from ((bio, throttle) for bio in chain(kernel, first, _MOST_BIOS))


def _groups(kernel: Kernel, queue: int, data: int) -> Iterator[int]:
    """throtl_grp structs of the queue: of the policies of each of its blkcg_gqs, the one that has
    the queue's throtl_data."""
    layout = kernel.layout
    nodes, _ = members(kernel, queue + layout["request_queue.blkg_list"], _MOST_GROUPS)
    room = (layout["blkcg_gq"] - layout["blkcg_gq.pd"]) // kernel.width.word
    for node in nodes:
        first = node - layout["blkcg_gq.q_node"] + layout["blkcg_gq.pd"]
        slots = [first + kernel.width.word * n for n in range(min(room, _MOST_POLICIES))]
        policies = (policy for _, policy in kernel.members(slots, 0))
        pointers = [*filter(kernel.width.is_address, policies)]
        # throtl_grp.pd is its first member
        owners = kernel.members(pointers, layout["throtl_grp.td"])
        yield from (group for group, owner in owners if owner == data)


def _lists(kernel: Kernel, group: int, data: int) -> Iterator[tuple[int, int, int]]:
    """Direction, first bio, and the group whose limit they wait for: its own, or its parent's."""
    layout = kernel.layout
    parent = kernel.member(
        group + layout["throtl_grp.service_queue"], "throtl_service_queue.parent_sq"
    )
    above = (parent or 0) - layout["throtl_grp.service_queue"]
    # the topmost lies in the throtl_data, and is of no group
    has_parent = parent and kernel.member(above, "throtl_grp.td") == data
    nodes = [(layout["throtl_grp.qnode_on_self"], group)]
    nodes += [(layout["throtl_grp.qnode_on_parent"], above)] if has_parent else []
    for at, limited in nodes:
        for direction in (_READ, _WRITE):
            node = group + at + direction * layout["throtl_qnode"]
            for bios in _LISTS:
                offset = layout.get(bios)
                first = kernel.member(node + offset, "bio_list.head") if offset else None
                if first:
                    yield direction, first, limited


def described(kernel: Kernel, disk: int, throttle: Throttle) -> tuple[str, str]:
    """ "held back by io.max of cgroup /slow: 1024 bytes/s of reads", and what lifts_limit() takes:
    what to write to which file; without any where it is not known where the cgroup is."""
    cgroup = cgroup_of(kernel, throttle.group)
    version1 = "blkio" in kernel.cgroups
    where = where_is(kernel, cgroup, "blkio" if version1 else "")
    limits = _limits(kernel, throttle.group, throttle.direction)
    words, long, short = _WORDS[throttle.direction]
    device = disk_numbers(kernel, disk)
    if version1:
        files = [f"blkio.throttle.{long}_{_NAMES[unit]}_device" for unit in limits]
        written = [(f"{device} 0", where.file(file)) for file in files]
        named = " and ".join(files) or "a limit that is gone"
    else:
        values = " ".join(f"{short}{_NAMES[unit]}=max" for unit in limits)
        written = [(f"{device} {values}", where.file("io.max"))]
        named = "io.max"
    rates = " and ".join(f"{limit} {unit}" for unit, limit in limits.items()) or "no more limit"
    return (
        f"held back by {named} of cgroup {where.path}: {rates} of {words}",
        limit_target(written),
    )


def disk_numbers(kernel: Kernel, disk: int) -> str:
    """ "8:0", as a cgroup's files of limits name the gendisk."""
    return f"{kernel.number(disk, 'gendisk.major')}:{kernel.number(disk, 'gendisk.first_minor')}"


def cgroup_of(kernel: Kernel, policy: int) -> int:
    """Of a struct blkg_policy_data; 0: not known."""
    blkg = kernel.pointer(policy)  # its first member
    owner = kernel.member(blkg, "blkcg_gq.blkcg") if blkg else None
    if not owner:
        return 0
    return kernel.member(owner + kernel.layout["blkcg.css"], "cgroup_subsys_state.cgroup") or 0


def _limits(kernel: Kernel, group: int, direction: int) -> dict[str, int]:
    """By unit; what has no limit is left out. Where there are low limits (bps[2][LIMIT_CNT]), the
    maximal one is the second of the two."""
    layout = kernel.layout
    end = layout.get(_CONFIGURED) or layout["throtl_grp.iops"]
    each = (end - layout["throtl_grp.bps"]) // 16
    index = direction * each + each - 1
    found = {}
    rate = kernel.wide(group + layout["throtl_grp.bps"] + 8 * index)
    if rate is not None and rate != _NO_BYTES:
        found["bytes/s"] = rate
    data = kernel.memory.read(group + layout["throtl_grp.iops"] + 4 * index, 4)
    requests = int.from_bytes(data, "little") if data else _NO_REQUESTS
    if requests != _NO_REQUESTS:
        found["requests/s"] = requests
    return found

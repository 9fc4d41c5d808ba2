"""fs/squashfs: calls of its cache."""

from ktrace.record import record


@record
class SquashfsCall:
    """The newest call of squashfs_cache_get() (fs/squashfs/cache.c) by a thread."""

    t: float
    cache: str  # address of struct squashfs_cache, hexadecimal
    name: str  # of the cache: fragment, metadata, data; empty without BTF of the module
    device: str  # super_block.s_id
    block: int  # byte position on the device

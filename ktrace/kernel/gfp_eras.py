"""The bits of a gfp mask in kernels that print no names beside it: from v2.6.24 to v4.5.

include/linux/gfp.h of v3.10: the bits stayed where they were from v2.6.24 on (769848c03895), others
were added at the top. v4.4 split __GFP_WAIT and moved others (d0164adc89f6); since v4.6
(420adbe9fc1a) the kernel prints the names itself.
"""

_OLD_BITS = {
    0x1: "__GFP_DMA",
    0x2: "__GFP_HIGHMEM",
    0x4: "__GFP_DMA32",
    0x8: "__GFP_MOVABLE",
    0x10: "__GFP_WAIT",
    0x20: "__GFP_HIGH",
    0x40: "__GFP_IO",
    0x80: "__GFP_FS",
    0x100: "__GFP_COLD",
    0x200: "__GFP_NOWARN",
    0x400: "__GFP_REPEAT",
    0x800: "__GFP_NOFAIL",
    0x1000: "__GFP_NORETRY",
    0x4000: "__GFP_COMP",
    0x8000: "__GFP_ZERO",
    0x10000: "__GFP_NOMEMALLOC",
    0x20000: "__GFP_HARDWALL",
    0x40000: "__GFP_THISNODE",
    0x80000: "__GFP_RECLAIMABLE",
}
_NEW_BITS = {
    0x1: "__GFP_DMA",
    0x2: "__GFP_HIGHMEM",
    0x4: "__GFP_DMA32",
    0x8: "__GFP_MOVABLE",
    0x10: "__GFP_RECLAIMABLE",
    0x20: "__GFP_HIGH",
    0x40: "__GFP_IO",
    0x80: "__GFP_FS",
    0x100: "__GFP_COLD",
    0x200: "__GFP_NOWARN",
    0x400: "__GFP_REPEAT",
    0x800: "__GFP_NOFAIL",
    0x1000: "__GFP_NORETRY",
    0x2000: "__GFP_MEMALLOC",
    0x4000: "__GFP_COMP",
    0x8000: "__GFP_ZERO",
    0x10000: "__GFP_NOMEMALLOC",
    0x20000: "__GFP_HARDWALL",
    0x40000: "__GFP_THISNODE",
    0x80000: "__GFP_ATOMIC",
    0x200000: "__GFP_NOTRACK",
    0x400000: "__GFP_DIRECT_RECLAIM",
    0x800000: "__GFP_OTHER_NODE",
    0x1000000: "__GFP_WRITE",
    0x2000000: "__GFP_KSWAPD_RECLAIM",
}
# The largest first: the kernel's own names for masks that are used often
_OLD_MASKS = {
    0x200DA: "GFP_HIGHUSER_MOVABLE",
    0x200D2: "GFP_HIGHUSER",
    0x200D0: "GFP_USER",
    0x800D0: "GFP_TEMPORARY",
    0xD0: "GFP_KERNEL",
    0x50: "GFP_NOFS",
    0x10: "GFP_NOIO",
    0x20: "GFP_ATOMIC",
}
_NEW_MASKS = {
    0x24200CA: "GFP_HIGHUSER_MOVABLE",
    0x24200C2: "GFP_HIGHUSER",
    0x24200C0: "GFP_USER",
    0x24000D0: "GFP_TEMPORARY",
    0x24000C0: "GFP_KERNEL",
    0x2400040: "GFP_NOFS",
    0x2400000: "GFP_NOIO",
    0x2080020: "GFP_ATOMIC",
    0x2000000: "GFP_NOWAIT",
}
_FIRST, _NEW, _LAST = (2, 6, 24), (4, 4), (4, 5)


def gfp_names(mask: int, release: tuple[int, ...]) -> str:
    """ "GFP_HIGHUSER_MOVABLE|__GFP_ZERO"; "" where the release is unknown, or has other bits."""
    if not release or not release >= _FIRST or release[:2] > _LAST:
        return ""
    new = release[:2] >= _NEW
    bits, masks = (_NEW_BITS, _NEW_MASKS) if new else (_OLD_BITS, _OLD_MASKS)
    names = []
    for value, name in masks.items():
        if mask & value == value:
            names.append(name)
            mask &= ~value
            break
    names += [name for bit, name in bits.items() if mask & bit]
    rest = mask & ~sum(bits)
    return "|".join([*names, *([hex(rest)] if rest else [])])

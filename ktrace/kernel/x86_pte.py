"""What a page table entry of x86-64 says: arch/x86/include/asm/pgtable_types.h and pgtable.h.

An entry that is not present but for PROT_NONE has its page frame inverted since v4.19
(pgtable-invert.h, against L1TF), and in stable kernels that got this: with an older release it is
not known which.
"""

_FLAGS = {
    0: "present",
    1: "rw",
    2: "user",
    3: "pwt",
    4: "pcd",
    5: "accessed",
    6: "dirty",
    8: "global",
    9: "special",
    63: "nx",
}
_PRESENT, _PROT_NONE = 1 << 0, 1 << 8
_PFN_MASK = ((1 << 52) - 1) & ~0xFFF  # PTE_PFN_MASK: physical addresses of up to 52 bits
_INVERTED_SINCE = (4, 19)


def pte_pfn(pte: int, release: tuple[int, ...]) -> int | None:
    """The page frame that it maps; None: it maps none (a swap entry, or 0), or it is not known."""
    if pte & _PRESENT:
        return (pte & _PFN_MASK) >> 12
    if pte & _PROT_NONE and release[:2] >= _INVERTED_SINCE:
        return (~pte & _PFN_MASK) >> 12
    return None


def pte_flags(pte: int) -> str:
    """ "present|rw|user"; of an entry that is not present its other bits mean something else."""
    if not pte & _PRESENT:
        return "prot_none" if pte & _PROT_NONE else "not present"
    return "|".join(name for bit, name in _FLAGS.items() if pte >> bit & 1)

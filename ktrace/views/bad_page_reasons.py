"""Why a verdict on bad pages is what it is, and the next steps, in words."""

from collections.abc import Iterable

from ktrace.events import PageOwner, Sign
from ktrace.findings import PageCorruption, RamCell
from ktrace.views import words

_PAGE_SIZE = 4096
_NAMED = 6

# code of a Sign -> what it means; {value} is the sign's
_MEANING = {
    "refcount": "the reference count is wrong ({value}): a get or put too many, or a use after "
    "free",
    "mapcount": "the map count is wrong ({value}): freed while it is mapped, or overwritten",
    "mapping": "mapping is not NULL ({value}): freed while it is in use, or overwritten",
    "memcg": "still charged to a memory cgroup ({value}): freed past its owner, or overwritten",
    "page_pool": "a page_pool still has the page: not given back to its owner",
    "tail": "a page of a compound page that was freed is not as it has to be: {value}",
    "compound": "its head and tail pages do not agree ({value}): not taken apart as it was put "
    "together, or overwritten",
    "double-free": "page type buddy: the page is on the free list already, this is a double free",
    "page-type": "page type {value}: freed by somebody who did not undo that",
    "several-flags": "several flags are wrong at once ({value})",
    "flag-in-use": "freed with {value} set, on a page that was in use: its user should have "
    "cleared it, though one flipped bit is not ruled out",
    "flag-left": "freed with a flag ({value}) that its user should have cleared",
    "same-flag": "the same flag ({value}) is wrong in several struct pages, and one cell has one "
    "place: software leaves the same flag again and again",
    "private": "PG_private is set and private still points to its owner's data ({value}): the "
    "owner did not release it",
    "slab": "a slab page was freed to the page allocator: kmalloc memory is given back by kfree()",
    "reserved": "a reserved page, which was never the page allocator's to give, was freed",
    "on-lru": "freed while it is on an LRU list ({value})",
    "consecutive": "their page frames are consecutive: somebody freed or overwrote a whole range",
    "uninitialised": "the struct page was never initialised (all its words are {value}): the "
    "memory map was not set up for it",
    "text": "the struct page holds text ({value}): overwritten",
    "pattern": "a word of the struct page is a byte pattern ({value}): overwritten, by neither a "
    "failing cell nor a wrong reference count",
    "pointer": "the flags word holds a kernel pointer ({value}): overwritten, or used after free",
    "poison-overwritten": "freed memory was overwritten, too: slab or page poison",
    "untold": "what was wrong with the page is not told",
    "value-hidden": "the kernel says what is wrong, but the log does not have the value",
    "one-flag-at-free": "one wrong bit, found when the page was freed: its user may have left it "
    "set, or a cell flipped meanwhile",
    "one-flag": "one wrong bit, on a page that nobody owned: a flipped cell and a stray write to a "
    "freed page both look like this",
    "one-bit-of-word": "one bit of a word that should be 0, or -1, is wrong, and that is no value "
    "that the kernel stores there: a flipped cell and a stray write both look like this",
    "no-address": "the physical address of the struct page is not known (the log has it hashed, "
    "not at all, or in a mapping that only the page tables resolve): whether it is one cell cannot "
    "be concluded",
    "struct-page-again": "the struct page at one address had the same wrong bit ({value}) for "
    "different page frames: mem_map moved, the bit did not. That points to a cell; at which "
    "physical address, the log does not say",
    "one-bit-slab": "one wrong bit in freed slab memory: nobody writes there, and software writes "
    "more than a bit",
    "one-bit-page-poison": "one wrong bit in a free, poisoned page: nobody writes there, and "
    "software writes more than a bit",
    "one-bit-btrfs-key": "one wrong bit in a key or a generation of a btrfs tree",
    "one-count-slab": "freed slab memory has one less than its poison: a count was decremented "
    "there after the free, or one bit flipped",
    "one-count-page-poison": "a free page has one more than its poison: a count was incremented "
    "there after the free, or one bit flipped",
    "page-map": "a page table maps page frame {value} as well (Bad page map)",
    "foreign-modules": "modules from outside the kernel are loaded (taint {value}): a stray write "
    "of theirs is possible",
    "pcp-drained": "found when the per-CPU list was drained: the task at hand need not be the one "
    "that freed the page",
    "judged": "judged by the first {value}",
    "machine-check": "the CPU reported memory errors there (Machine Check){label}",
    "edac": "the memory controller reported errors there (EDAC){label}",
    "cper": "the firmware reported memory errors there (CPER){label}",
    "memtest": "the kernel's memtest wrote a pattern there and read another",
}


def reasons(finding: RamCell | PageCorruption) -> list[str]:
    """The weightiest first."""
    return _of_cell(finding) if isinstance(finding, RamCell) else _of_corruption(finding)


def next_steps(finding: RamCell | PageCorruption) -> list[str]:
    """What to do about it, the most urgent first."""
    if isinstance(finding, RamCell):
        return _replace_memory(finding)
    if finding.cause == "software":
        return _find_the_bug(finding)
    return _tell_them_apart(finding)


def owner_line(owner: PageOwner) -> str:
    """ "allocated by pid 12 (app), order 0, GFP_KERNEL, in jfs_mkdir+0x1c5"."""
    parts = [f"{owner.did} by pid {owner.pid}" if owner.pid is not None else owner.did]
    parts[0] += f" ({owner.comm})" if owner.comm else ""
    if owner.order is not None:
        parts.append(f"order {owner.order}")
    parts += [owner.gfp] if owner.gfp else []
    parts += [f"in {owner.frame}"] if owner.frame else []
    return ", ".join(parts)


def _of_cell(finding: RamCell) -> list[str]:
    why = []
    cell, frames = finding.cell, [f"{pfn:x}" for pfn in finding.pfns]
    if cell is not None:
        why.append(
            f"bit {cell.bit} of the word at physical {cell.word} was wrong "
            f"{words.count(finding.events, 'time')} in {words.count(finding.boots, 'boot')}, and "
            "nothing else of the struct page was"
        )
    why += [_meaning(sign) for sign in finding.signs]
    reported = any(sign.code != "foreign-modules" for sign in finding.signs)
    if cell is not None and (finding.events > 1 or not reported):
        why.append(_about_frames(finding, frames))
    if len(finding.kernels) > 1:
        kernels = words.count(len(finding.kernels), "kernel")
        why.append(f"under {kernels} ({_some(finding.kernels)}): no kernel's own bug")
    if len(finding.comms) > 1:
        why.append(
            f"{len(finding.comms)} processes met it ({_some(finding.comms)}): they happened to ask "
            "for memory, none of them did it"
        )
    return why


def _about_frames(finding: RamCell, frames: list[str]) -> str:
    if len(frames) > 1:
        return (
            f"the page frame changed ({_some(frames)}): mem_map moved, the cell did not. Software "
            "does not know physical addresses across boots"
        )
    if finding.boots > 1:
        return (
            f"the page frame was {_some(frames) or 'not told'} each time: that a driver or the "
            "firmware writes there at every boot is not ruled out"
        )
    return (
        "all in one boot: a stray write that repeats could look the same; a reboot with another "
        "memory layout (mem=, another kernel) would tell"
    )


def _replace_memory(finding: RamCell) -> list[str]:
    place = finding.cell.byte if finding.cell else finding.address or "0x0"
    page = int(place, 16) & ~(_PAGE_SIZE - 1)
    chance = [
        "one corrected error alone may be chance: see whether more come from the same address",
    ]
    return [
        *(chance if finding.cell is None and finding.confidence == "low" else []),
        "test the memory: memtest86+ overnight, or boot with memtest=17 (CONFIG_MEMTEST); replace "
        f"the module that holds physical {place}",
        f"until then keep the page unused: memmap=4K${page:#x} on the kernel's command line (in "
        "GRUB's configuration the $ needs backslashes: see what /proc/cmdline has after the boot)",
        "distrust what this machine has written since it began: the same cell may have held file "
        "data",
        "do not look for the cause in the processes named here, nor in the kernel",
    ]


def _of_corruption(finding: PageCorruption) -> list[str]:
    why = [_meaning(sign) for sign in finding.signs]
    single = any(sign.code in ("one-flag", "one-flag-at-free") for sign in finding.signs)
    if finding.cause == "unknown" and finding.pages > 1 and single:
        why.append("a single wrong bit in each: several bad cells, or a stray write, both fit")
    judged = next((s.value for s in finding.signs if s.code == "judged"), str(finding.events))
    for found in finding.stacks:
        frames = " < ".join(found.stack)
        why.append(f"{found.count} of {judged} found in {frames}")
    owners = finding.owners
    if owners:
        why += [f"page_owner: {owner_line(owner)}" for owner in owners]
    elif finding.owner:
        why.append(f"page_owner: {' | '.join(finding.owner)}")
    return why


def _find_the_bug(finding: PageCorruption) -> list[str]:
    modules = "if modules from outside the kernel are loaded, try without them"
    if any(sign.code == "foreign-modules" for sign in finding.signs):
        return [
            modules.replace("if modules from outside", "modules from outside").replace(
                ", try", ": try"
            ),
            *_ask_owner(finding),
            _CATCH,
        ]
    return [*_ask_owner(finding), _CATCH, modules]


_CATCH = (
    "boot with debug_pagealloc=on or a KASAN kernel to catch the write or the use after free; "
    "report it to the driver's or subsystem's list with all of the above"
)


def _ask_owner(finding: PageCorruption) -> list[str]:
    if finding.owner:
        return []
    return ["boot with page_owner=on: reports then tell who had the page"]


def _tell_them_apart(finding: PageCorruption) -> list[str]:
    codes = {sign.code for sign in finding.signs}
    steps = []
    if codes & {"no-address", "untold", "value-hidden"}:
        steps.append(
            "run `ktrace bad-page`: it walks the page tables to the physical address. A log shows "
            "at best the virtual one: no_hash_pointers on the command line (5.12 and later, where "
            "reports print it at all)"
        )
    steps.append(
        "keep a state file over boots (`ktrace bad-page --state FILE`): the same physical cell "
        "again, after a reboot, means bad RAM"
    )
    if codes & {"struct-page-again", "one-bit-slab", "one-bit-page-poison", "one-bit-btrfs-key"}:
        steps.insert(0, "test the memory: memtest86+ overnight, or boot with memtest=17")
    return [*steps, *_ask_owner(finding)]


def _meaning(sign: Sign) -> str:
    """A code that this version does not know is shown as it is."""
    if sign.code == "several-pages":
        return f"{sign.value} different pages: one cell cannot be in all of them"
    if sign.code == "frame-again":
        boots = words.count(sign.count, "boot")
        return f"the same page frame and bit in {boots} point to a cell, but only point"
    label = f", of {sign.value}" if sign.value else ""
    template = _MEANING.get(sign.code, "{code} {value}")
    if not sign.value:
        template = template.replace(" ({value})", "").replace(", {value}", "")
    text = template.format(value=sign.value, label=label, code=sign.code)
    times = sign.count if sign.code not in ("same-flag", "consecutive", "frame-again") else 1
    return text if times <= 1 else f"{text} ({times} times)"


def _some(names: Iterable[str]) -> str:
    shown = list(names)
    more = f" and {len(shown) - _NAMED} more" if len(shown) > _NAMED else ""
    return ", ".join(shown[:_NAMED]) + more

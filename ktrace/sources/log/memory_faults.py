"""What other reports tell of memory that did not keep what was written: for the verdict on RAM.

Each reads the lines of one report, of which an alarm is made as well.
"""

import re
from collections.abc import Callable, Sequence

from ktrace.events import MemoryFault
from ktrace.sources.log.machine_check import machine_check

# edac_ce_error(), edac_ue_error() of drivers/edac/edac_mc.c, and their form until 3.5
_EDAC = re.compile(
    r"(?P<count>\d+) (?P<kind>CE|UE) .*?\bon (?P<label>.*?) \(.*?page:0x(?P<page>[0-9a-f]+) "
    r"offset:0x(?P<offset>[0-9a-f]+) grain:(?P<grain>\d+)"
)
_EDAC_OLD = re.compile(
    r"(?P<kind>CE|UE) page 0x(?P<page>[0-9a-f]+), offset 0x(?P<offset>[0-9a-f]+), "
    r"grain (?P<grain>\d+),.*?label \"(?P<label>[^\"]*)\""
)
_CPER = re.compile(r"\bphysical_address: 0x(?P<address>[0-9a-f]{1,16})")
# kill_me_maybe() of arch/x86/kernel/cpu/mce/core.c
_USED = re.compile(
    r"Uncorrected hardware memory error in user-access at (?P<address>[0-9a-f]{1,16})"
)
_CPER_DIMM = re.compile(r"\bDIMM location: (?!not present)(?P<label>\S.*\S)")
_CORRECTED = re.compile(r"corrected by h/w|(?:severity|type): corrected")
_MEMTEST = re.compile(
    r"(?P<pattern>[0-9a-f]{16}) bad mem addr (?:0x)?(?P<start>[0-9a-f]+) - "
    r"(?:0x)?(?P<end>[0-9a-f]+)"
)
# check_bytes_and_report() of mm/slub.c
_SLUB = re.compile(
    r"0x(?P<start>[0-9a-f]+)-0x(?P<end>[0-9a-f]+)(?: @offset=\d+)?\. "
    r"First byte 0x(?P<found>[0-9a-f]{1,2}) instead of 0x(?P<wanted>[0-9a-f]{1,2})"
)
_SLAB_LINE = re.compile(
    r"[0-9a-f]{3,}: +(?P<bytes>(?:[0-9a-f]{2} ){2,16})"
)  # dump_line(), mm/slab.c
_DUMP = re.compile(r"(?P<address>[0-9a-f]{8,16}): (?P<bytes>(?:[0-9a-f]{2} ?){1,16})")
_OTHER_OBJECT = re.compile(r"(?:Prev|Next) obj: ")
_POISON_FREE, _POISON_END, _PAGE_POISON = 0x6B, 0xA5, 0xAA  # include/linux/poison.h
# check_leaf(), btrfs_check_node() of fs/btrfs/tree-checker.c
_KEYS = re.compile(
    r"bad key order, (?:current|prev) \((?P<first>\d+) (?P<type>\d+) (?P<offset>\d+)\) "
    r"(?:next|current) \((?P<next>\d+) (?P<next_type>\d+) (?P<next_offset>\d+)\)"
)
# verify_parent_transid() of fs/btrfs/disk-io.c: the generation of a tree block
_GENERATIONS = re.compile(
    r"transid verify failed on .*?\bwanted (?P<wanted>\d+) found (?P<found>\d+)"
)
_GENERATIONS_MAX = 1 << 32  # commits: no file system has so many
_PTE = re.compile(r"\bpte:(?P<pte>[0-9a-f]{8,16})\b")
_MAP_PFN = re.compile(r"\bpfn:(?:0x)?(?P<pfn>[0-9a-f]{1,16})\b")
_FAR = 64  # keys next to each other in a tree are close: a flipped bit is higher than that

Fault = dict[str, object]


def memory_fault(class_: str, lines: Sequence[str], t: float, boot: str) -> MemoryFault | None:
    """The fault of an alarm's lines, the first line first. None: it tells of no memory."""
    read = _READERS.get(class_)
    fault = read(lines) if read else None
    if fault is None:
        return None
    values: Fault = {"t": t, "boot": boot, "title": lines[0].strip()} | fault
    return MemoryFault(**values)  # type: ignore[arg-type]


def _hardware(lines: Sequence[str]) -> Fault | None:
    """A machine check, or what the firmware says of one (CPER)."""
    if used := _first(_USED, lines):
        address = hex(int(used["address"], 16))
        return {"what": "machine-check", "address": address, "size": 64, "corrected": False}
    return _cper(lines) or machine_check(lines)


def _cper(lines: Sequence[str]) -> Fault | None:
    found = _first(_CPER, lines)
    if found is None:
        return None
    dimm = _first(_CPER_DIMM, lines)
    return {
        "what": "cper",
        "address": hex(int(found["address"], 16)),
        "corrected": _first(_CORRECTED, lines) is not None,
        "label": dimm["label"] if dimm else "",
    }


def _edac(lines: Sequence[str]) -> Fault | None:
    found = _first(_EDAC, lines) or _first(_EDAC_OLD, lines)
    if found is None:
        return None
    address = int(found["page"], 16) << 12 | int(found["offset"], 16)
    return {
        "what": "edac",
        "address": hex(address) if address else None,  # 0: the driver does not know
        "size": int(found["grain"]) or None,
        "count": int(found.groupdict().get("count") or 1),
        "corrected": found["kind"] == "CE",
        "label": found["label"].strip(),
    }


def _memtest(lines: Sequence[str]) -> Fault | None:
    found = _first(_MEMTEST, lines)
    if found is None:
        return None
    start, end = int(found["start"], 16), int(found["end"], 16)
    return {
        "what": "memtest",
        "address": hex(start),
        "size": max(end - start, 1),
        "expected": found["pattern"],
    }


def _slab(lines: Sequence[str]) -> Fault | None:
    """SLUB's poison and red zones; old SLAB's."""
    if found := _first(_SLUB, lines):
        one = found["start"] == found["end"]
        return {"what": "slab"} | _difference(
            [int(found["found"], 16)], int(found["wanted"], 16), alone=one
        )
    octets: list[int] = []
    for line in lines:
        if _OTHER_OBJECT.match(line):
            break
        if dumped := _SLAB_LINE.search(f"{line} "):
            octets += [int(octet, 16) for octet in dumped["bytes"].split()]
    if octets[-1:] == [_POISON_END]:
        octets.pop()
    wrong = [octet for octet in octets if octet != _POISON_FREE]
    return {"what": "slab"} | _difference(wrong, _POISON_FREE) if wrong else None


def _page_poison(lines: Sequence[str]) -> Fault | None:
    dumped = [match for line in lines[1:] if (match := _DUMP.search(line))]
    octets = [int(octet, 16) for match in dumped for octet in match["bytes"].split()]
    wrong = [octet for octet in octets if octet != _PAGE_POISON]
    if wrong:
        return {"what": "page-poison"} | _difference(wrong, _PAGE_POISON)
    return {"what": "page-poison", "bits": 1 if "single bit error" in lines[0] else None}


def _btrfs(lines: Sequence[str]) -> Fault | None:
    """Keys out of order that one bit puts in order again; generations that one bit makes alike."""
    if two := _first(_GENERATIONS, lines):
        wanted, read = int(two["wanted"]), int(two["found"])
        if (wanted ^ read).bit_count() == 1 and wanted ^ read >= _GENERATIONS_MAX:
            return {"what": "btrfs-key", "bits": 1, "expected": hex(wanted), "found": hex(read)}
    found = _first(_KEYS, lines)
    if found is None:
        return None
    for one, other in (("first", "next"), ("offset", "next_offset")):
        a, b = int(found[one]), int(found[other])
        if _one_bit_apart(a, b):
            return {"what": "btrfs-key", "bits": 1, "expected": hex(b), "found": hex(a)}
    return None


def _page_map(lines: Sequence[str]) -> Fault | None:
    pte, pfn = _first(_PTE, lines), _first(_MAP_PFN, lines[1:])
    if pte is None:
        return None
    return {
        "what": "bad-page-map",
        "pte": f"0x{pte['pte']}",
        "pfn": int(pfn["pfn"], 16) if pfn else None,
    }


_READERS: dict[str, Callable[[Sequence[str]], Fault | None]] = {
    "machine-check": _hardware,
    "edac": _edac,
    "memtest": _memtest,
    "slab": _slab,
    "page-poison": _page_poison,
    "file-system": _btrfs,
    "bad-page-map": _page_map,
}


def _difference(found: list[int], wanted: int, alone: bool = True) -> Fault:
    """alone: there are no more wrong bytes than these."""
    bits = sum((octet ^ wanted).bit_count() for octet in found)
    return {
        "found": bytes(found[:16]).hex(),
        "expected": f"{wanted:02x}",
        "bits": bits if alone else None,
    }


def _one_bit_apart(a: int, b: int) -> bool:
    """Whether one bit of a far above their difference is what keeps them apart."""
    high = a ^ b
    top = 1 << max(high.bit_length() - 1, 0)
    return high >= _FAR and abs((a ^ top) - b) < top // _FAR


def _first(pattern: re.Pattern[str], lines: Sequence[str]) -> re.Match[str] | None:
    return next((match for line in lines if (match := pattern.search(line))), None)

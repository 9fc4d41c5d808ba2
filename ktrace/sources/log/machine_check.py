"""The address in a Machine Check: is it one of RAM, and a physical one?

print_mce() of arch/x86/kernel/cpu/mce/core.c prints "CPU 0: Machine Check: 0 Bank 8:
8c00004000010090", "TSC 0 ADDR 1f684880 MISC ...", "PROCESSOR 2:a20f10 ...": 0 is Intel, 2 AMD,
9 Hygon. Which addresses the kernel itself takes for physical: mce_usable_address() there, and
amd_mce_usable_address() of amd.c.
"""

import re
from collections.abc import Sequence

_BANK = re.compile(r"Bank (?P<bank>\d{1,3}): (?P<status>[0-9a-f]{16})\b")
_ADDR = re.compile(r"\bADDR (?:0x)?(?P<address>[0-9a-f]{1,16})\b")
_MISC = re.compile(r"\bMISC (?:0x)?(?P<misc>[0-9a-f]{1,16})\b")
_PROCESSOR = re.compile(r"\bPROCESSOR (?P<vendor>\d{1,2}):(?P<cpuid>[0-9a-f]{1,8})\b")
_SCALABLE = re.compile(r"\b(?:IPID|SYND) [0-9a-f]+")  # printed by AMD's scalable MCA alone
# bits of the status, MCI_STATUS_* of arch/x86/include/asm/mce.h
_ADDRV, _MISCV, _UC = 58, 59, 61
# MCACOD 0000 0000 1MMM CCCC: the memory controller (Intel SDM, volume 3); caches have others
_MEMORY_CODES = range(0x80, 0x100)
_MCACOD = 0xEFFF
_AMD, _HYGON = 2, 9
_NORTHBRIDGE, _DRAM_ECC = 4, 8  # bank and extended error code before scalable MCA
_SCALABLE_FAMILY = 0x17
_PHYSICAL, _PAGE_SHIFT = 2, 12  # address mode in MISC; coarser than a page is of no use


def machine_check(lines: Sequence[str]) -> dict[str, object] | None:
    """What a MemoryFault says of it; None: it tells of no memory, or of no physical address.

    What a unified memory controller of AMD (scalable MCA) has in ADDR is no physical address; EDAC,
    which translates it, prints one.
    """
    text = "\n".join(lines)
    bank, addr = _BANK.search(text), _ADDR.search(text)
    if bank is None or addr is None:
        return None
    status = int(bank["status"], 16)
    if not _bit(status, _ADDRV):
        return None
    usable = _amd if _is_amd(text) else _intel
    if not usable(text, int(bank["bank"]), status):
        return None
    return {
        "what": "machine-check",
        "address": hex(int(addr["address"], 16)),
        "size": 64,
        "corrected": not _bit(status, _UC),
    }


def _is_amd(text: str) -> bool:
    processor = _PROCESSOR.search(text)
    if processor is None:
        return _SCALABLE.search(text) is not None
    return int(processor["vendor"]) in (_AMD, _HYGON)


def _amd(text: str, bank: int, status: int) -> bool:
    if not _is_scalable(text) and bank == _NORTHBRIDGE:
        return status >> 16 & 0x1F == _DRAM_ECC
    return False  # poison that was consumed has an address, but not where it came from


def _is_scalable(text: str) -> bool:
    processor = _PROCESSOR.search(text)
    if _SCALABLE.search(text) or processor is None:
        return True
    cpuid = int(processor["cpuid"], 16)
    return (cpuid >> 8 & 0xF) + (cpuid >> 20 & 0xFF) >= _SCALABLE_FAMILY


def _intel(text: str, _bank: int, status: int) -> bool:
    if status & _MCACOD not in _MEMORY_CODES:
        return False
    misc = _MISC.search(text)
    if misc is None or not _bit(status, _MISCV):
        return True  # the memory controller's banks have physical addresses in ADDR
    value = int(misc["misc"], 16)
    return value >> 6 & 7 == _PHYSICAL and value & 0x3F <= _PAGE_SHIFT


def _bit(status: int, bit: int) -> bool:
    return bool(status >> bit & 1)

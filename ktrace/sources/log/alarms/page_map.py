"""A page table entry that cannot be: print_bad_pte() of mm/memory.c.

"BUG: Bad page map in process sh  pte:8000000012123067 pmd:0a0b0067". What an entry means depends on
the architecture, so it is read only where the report shows that it is x86-64's.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from ktrace.events import Alarm, Event, MemoryFault
from ktrace.kernel.release import release_of
from ktrace.kernel.wait_functions import function_of
from ktrace.kernel.x86_pte import pte_flags, pte_pfn
from ktrace.sources.log.alarms.alarm import AlarmReport, Spec
from ktrace.sources.log.kind import Kind
from ktrace.sources.log.line import LogLine

_HEAD = re.compile(
    r"BUG: Bad page map in process (?P<comm>.*?)\s+(?:pte:(?P<pte>[0-9a-f]{8,16}))(?![0-9a-f]).*$"
)
_DETAILS = (
    r"page:\S* .*?(?:\bpfn:(?P<pfn>0x[0-9a-f]+))?$",
    r"addr:(?P<addr>[0-9a-fpx]+) vm_flags:.*",
    r"file:.*fault:.*",
)
_SPEC = Spec(
    "bad-page-map", "BUG: Bad page map", details=tuple(re.compile(detail) for detail in _DETAILS)
)
# Evidence of x86-64: functions of its entry code, registers, names of packages
_X86_64 = re.compile(
    r"entry_SYSCALL_64\w*|do_syscall_64|x64_sys_\w+|asm_exc_\w+|asm_sysvec_\w+"
    r"|system_call_fastpath|__x64_\w+"
)
_X86_64_TEXT = re.compile(r"\bRIP: [0-9a-f]{4}:|\bRSP: [0-9a-f]{4}:|\bRAX: [0-9a-f]{16}\b")
_X86_64_RELEASE = re.compile(r"amd64|x86[_-]64")


class BadPageMap(AlarmReport):
    """Its details begin with the entry, taken apart."""

    def __init__(self, line: LogLine, head: re.Match[str]) -> None:
        super().__init__(_SPEC, line, head)
        self._pte = int(head["pte"], 16)
        self._x86 = False

    def take(self, line: LogLine) -> bool:
        self._x86 = self._x86 or _X86_64_TEXT.search(line.text) is not None
        return super().take(line)

    def events(self, boot: str) -> Iterator[Event]:
        for event in super().events(boot):
            if isinstance(event, Alarm):
                yield replace(event, detail=(*self._taken_apart(), *event.detail))
            elif isinstance(event, MemoryFault) and event.pfn is None:
                yield replace(event, pfn=self._pfn())
            else:
                yield event

    def _taken_apart(self) -> list[str]:
        told = []
        if self._is_x86_64():
            pfn = self._pfn()
            where = f"page frame {pfn:#x}" if pfn is not None else "no page frame that is known"
            told.append(f"pte {self._pte:#x}: {where}, {pte_flags(self._pte)}")
        if self._pte.bit_count() == 1:
            told.append(
                "a single bit is set: one flipped bit in an empty entry looks like this, and so "
                "does a stray write"
            )
        return told

    def _pfn(self) -> int | None:
        return pte_pfn(self._pte, release_of(self.kernel)) if self._is_x86_64() else None

    def _is_x86_64(self) -> bool:
        names = map(function_of, (*self._trace.frames, *self._trace.doubtful))
        return (
            self._x86
            or _X86_64_RELEASE.search(self.kernel) is not None
            or any(_X86_64.fullmatch(name) for name in names)
        )


KIND = Kind("bad-page-map", (b"BUG",), _HEAD, BadPageMap, alone=True)

"""Page allocation failures: warn_alloc() of mm/page_alloc.c, warn_alloc_failed() before v4.9."""

import re

from ktrace.events import Alarm
from ktrace.kernel.gfp_eras import gfp_names
from ktrace.kernel.release import release_of
from ktrace.sources.log.alarms.alarm import AlarmReport, Spec, alarm
from ktrace.sources.log.free_lists import FreeLists
from ktrace.sources.log.kind import Kind
from ktrace.sources.log.line import LogLine

# "page allocation failure: order:4, mode:0x40cc0(GFP_KERNEL|__GFP_COMP), nodemask=(null)"; before
# v3.x "page allocation failure. order:1, mode:0x20"
_HEAD = re.compile(
    r"(?P<comm>[^:]{1,80}(?::[^:]{1,15})??): page allocation failure[:.] order:(?P<order>\d{1,3}), "
    r"(?P<mask>(?:mode|gfp_mask)[:=]\s?(?P<bits>0x[0-9a-f]{1,16}))(?:\((?P<gfp>[^()]*)\))?"
)
_SPEC = Spec("allocation-failure", "page allocation failure, order {order}, {flags}")


class AllocationFailure(AlarmReport):
    """Its details are what the free lists say of the request."""

    def __init__(self, line: LogLine, head: re.Match[str]) -> None:
        super().__init__(_SPEC, line, head)
        self._order = int(head["order"])
        self._lists = FreeLists()

    def take(self, line: LogLine) -> bool:
        if self._lists.take(line.text):
            self._after = 0
            self.finished = False
            return True
        if line.text == "Mem-Info:":
            self._after = -_MEMORY_LINES
            return True
        return super().take(line)

    def event(self, boot: str) -> Alarm:
        flags = self._words["gfp"]
        flags = flags or gfp_names(int(self._words["bits"], 16), release_of(self.kernel))
        self._words["flags"] = flags or self._words["mask"]
        self._detail = self._lists.says(self._order, flags)
        return super().event(boot)


_MEMORY_LINES = 60  # of other statistics, before the zones and between them

KINDS = (
    Kind(
        "allocation-failure",
        (b"allocation failure",),
        _HEAD,
        AllocationFailure,
        anchored=False,
        alone=True,
    ),
    # mm/vmalloc.c: "vmalloc: allocation failure, allocated 12288 of 20480 bytes" until v5.12,
    # "vmalloc error: size 20480, page order 0, failed to allocate pages" since
    alarm(
        "allocation-failure",
        (b"vmalloc",),
        r"(?P<comm>[^:]{1,80}(?::[^:]{1,15})??): "
        r"vmalloc(?: error: size \d+, (?P<what>.*?), |: allocation failure.*?, )mode:0x.*$",
        "vmalloc: allocation failure",
        anchored=False,
        name="vmalloc",
    ),
)

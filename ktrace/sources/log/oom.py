"""The OOM killer's report in a kernel log."""

import re
from typing import Any

from ktrace.events import OomReport, Task
from ktrace.sources.log.line import LogLine
from ktrace.sources.log.report import Report, Trace, seconds

# 2.6.31: "comm invoked oom-killer: gfp_mask=0x201da, order=0, oomkilladj=0"; names of the flags
# since 4.6
INVOKED = re.compile(
    r"(?P<comm>.{0,80}?) invoked oom-killer: gfp_mask=(?P<mask>0x[0-9a-f]{1,16})"
    r"(?:\((?P<names>[^()]*)\))?.*?\border=(?P<order>-?\d{1,4})"
)
# since 5.0 (ef8444ea01d7 "mm, oom: reorganize the oom report in dump_header")
_CHOICE = re.compile(r"oom-kill:constraint=(?P<constraint>\w+),(?P<rest>.*)")
_CHOSEN = re.compile(r",task=(?P<comm>.*),pid=(?P<pid>\d{1,10}),uid=(?P<uid>\d{1,10})\s*$")
_CGROUP = re.compile(r"\btask_memcg=(?P<path>[^,]*)")
KILLED = re.compile(
    r"(?:.*[Oo]ut of memory(?: \([^)]*\))?: )?Killed process (?P<pid>\d{1,10}),? "
    r"(?:UID \d+,? )?\((?P<comm>.*?)\)(?:,? (?P<sizes>.*))?$"
)
_SIZE = re.compile(r"(?:^|[\s,])(total-vm|vsz|anon-rss|file-rss|shmem-rss|pgtables):(\d{1,15})kB")
# mem_cgroup_print_oom_meminfo() of mm/memcontrol.c: of the one that is at its limit
_LIMITED = re.compile(r"Memory cgroup stats for (?P<path>/.*?):")
_ADJUSTED = re.compile(r"oom_score_adj:(-?\d{1,5})")
_UID = re.compile(r"UID:(\d{1,10})")
NOBODY = re.compile(r"(?:Memory cgroup o|O)ut of memory and no killable processes")
LINES_MAX = 20_000  # memory statistics and one line for each task stand in between


class OomKillerReport(Report):
    """From "invoked oom-killer" to the line that says whom it killed."""

    lines_max = foreign_max = LINES_MAX

    def __init__(self, line: LogLine) -> None:
        super().__init__(line, Trace())
        self._by: Task | None = None
        self._order: int | None = None
        self._gfp: str | None = None
        self._gfp_mask: str | None = None
        self._constraint: str | None = None
        self._cgroup: str | None = None
        self._uid: int | None = None
        self._memcg: str | None = None
        self._nobody = False
        self._chosen: Task | None = None
        self._victim: Task | None = None
        self._adjusted: int | None = None
        self._sizes: dict[str, int] = {}
        if match := INVOKED.match(line.text):
            self._by = Task(0, 0, match["comm"])
            self._trace.comm = match["comm"]
            self._order = int(match["order"])
            self._gfp = match["names"]
            self._gfp_mask = match["mask"]
        else:
            self.take(line)

    def take(self, line: LogLine) -> bool:
        text = line.text
        if match := KILLED.match(text):
            self._kill(match)
        elif match := _CHOICE.match(text):
            self._choose(match)
        elif NOBODY.match(text):
            self._nobody = self.finished = True
        elif match := _LIMITED.match(text):
            self._memcg = match["path"]
        else:
            return self._trace.take(line)
        return True

    def _choose(self, match: re.Match[str]) -> None:
        self._constraint = match["constraint"]
        if cgroup := _CGROUP.search(match["rest"]):
            self._cgroup = cgroup["path"]
        if chosen := _CHOSEN.search(match["rest"]):
            self._chosen = Task(int(chosen["pid"]), int(chosen["pid"]), chosen["comm"])
            self._uid = int(chosen["uid"])

    def _kill(self, match: re.Match[str]) -> None:
        pid = int(match["pid"])
        self._victim = Task(pid, pid, match["comm"])
        sizes = match["sizes"] or ""
        self._sizes = {name: int(kib) for name, kib in _SIZE.findall(sizes)}
        if adjusted := _ADJUSTED.search(sizes):
            self._adjusted = int(adjusted[1])
        if uid := _UID.search(sizes):
            self._uid = int(uid[1])
        self.finished = True

    def event(self, boot: str) -> OomReport:
        """What the report says; None for what it does not say."""
        size: Any = self._sizes.get
        return OomReport(
            t=seconds(self._line),
            boot=boot,
            kernel=self.kernel,
            by=self._trace.task or self._by,
            victim=self._victim or self._chosen,
            order=self._order,
            gfp=self._gfp,
            gfp_mask=self._gfp_mask,
            constraint=self._constraint,
            cgroup=self._cgroup,
            uid=self._uid,
            oom_score_adj=self._adjusted,
            total_vm_kib=size("total-vm", size("vsz")),
            anon_rss_kib=size("anon-rss"),
            file_rss_kib=size("file-rss"),
            shmem_rss_kib=size("shmem-rss"),
            pgtables_kib=size("pgtables"),
            memcg=self._memcg,
            nobody=self._nobody,
        )

"""The OOM killer's report in a kernel log.

Printed by dump_header() and oom_kill_process() of mm/oom_kill.c: "comm invoked oom-killer:", who,
the call trace, the state of memory, the table of tasks, since v5.0 a line "oom-kill:" with what was
chosen (ef8444ea01d7), then "Out of memory: Killed process"; before v5.3 (bbbe48029720) two lines,
"Kill process 24572 (java) score 0 or sacrifice child" names what was chosen, "Killed process" what
was killed, which may be a child of it.
"""

import re
from typing import Any

from ktrace.events import OomReport, Task
from ktrace.sources.log.kind import Kind
from ktrace.sources.log.line import LogLine
from ktrace.sources.log.oom_memory import OomMemory
from ktrace.sources.log.report import Report, Trace, seconds
from ktrace.sources.log.whole import Whole
from ktrace.sources.log.whole_memory import WholeMemory
from ktrace.sources.log.whole_table import WholeTable

# 2.6.18: "oom-killer: gfp_mask=0x201d2, order=0"; 2.6.31: "comm invoked oom-killer:
# gfp_mask=0x201da, order=0, oomkilladj=0"; names of the flags since 4.6
_CALL = (
    r"oom-killer: gfp_mask=(?P<mask>0x[0-9a-f]{1,16})(?:\((?P<names>[^()]*)\))?"
    r".*?\border=(?P<order>-?\d{1,4})"
)
_INVOKED = re.compile(rf"(?P<comm>.{{0,80}}?) invoked {_CALL}")
_CALLED = re.compile(_CALL)
_CHOICE = re.compile(r"oom-kill:constraint=(?P<constraint>\w+),(?P<rest>.*)")
_CHOSEN = re.compile(r",task=(?P<comm>.*),pid=(?P<pid>\d{1,10}),uid=(?P<uid>\d{1,10})\s*$")
_CGROUP = re.compile(r"\btask_memcg=(?P<path>[^,]*)")
_LIMITED_BY = re.compile(r"\boom_memcg=(?P<path>[^,]*)")
_KILLED = re.compile(
    r"(?:(?:Memory cgroup o|O|o)ut of [Mm]emory(?: \([^)]*\))?: )?"
    r"Killed process (?P<pid>\d{1,10}),? (?:UID (?P<uid>\d{1,10}),? )?\((?P<comm>.*?)\)"
    r"(?:,? (?P<sizes>.*)|\.)?$"
)
# not yet the kill; in the end it may hit a child
_TO_KILL = re.compile(
    r"(?:(?:Memory cgroup o|O|o)ut of memory(?: \([^)]*\))?: )[Kk]ill process (?P<pid>\d{1,10}) "
    r"\((?P<comm>.*?)\) score"
)
_SIZE = re.compile(r"(?:^|[\s,])(total-vm|vsz|anon-rss|file-rss|shmem-rss|pgtables):(\d{1,15})kB")
# mem_cgroup_print_oom_meminfo() of mm/memcontrol.c: of the one that is at its limit
_LIMITED = re.compile(r"Memory cgroup stats for (?P<path>/.*?):")
_TASK_IN = re.compile(r"Task in (?P<path>/\S*) killed as a result of limit of (?P<limit>/\S*)")
_ADJUSTED = re.compile(r"oom_score_adj:(-?\d{1,5})")
_UID = re.compile(r"UID:(\d{1,10})")
_NOBODY = re.compile(
    r"(?:Kernel panic - not syncing: )?(?:Memory cgroup o|O)ut of memory and no killable processes"
)
_PANIC = re.compile(
    r"Kernel panic - not syncing: (?:System is deadlocked on memory|Out of memory: .*panic_on_oom"
    r"|[Oo]ut of memory[.:].*)"
)
_SYSRQ = re.compile(r"(?i)sysrq ?: Manual OOM execution")
LINES_MAX = 20_000  # memory statistics and one line for each task stand in between
_AFTER_PANIC = 60  # lines until a panic has said whom it hit


class OomKillerReport(Report):
    """From "invoked oom-killer" to the line that says whom it killed."""

    lines_max = foreign_max = LINES_MAX

    def __init__(self, line: LogLine, head: re.Match[str]) -> None:
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
        self._panic = ""
        self._manual = False
        self._chosen: Task | None = None
        self._victim: Task | None = None
        self._adjusted: int | None = None
        self._sizes: dict[str, int] = {}
        self._memory = OomMemory()
        if match := _INVOKED.match(line.text) or _CALLED.match(line.text):
            comm = self._trace.comm = match.groupdict().get("comm")
            self._by = None if comm is None else Task(0, 0, comm)
            self._order = int(match["order"])
            self._gfp = match["names"]
            self._gfp_mask = match["mask"]
            self._manual = self._order == -1
        else:
            self._trace.comm = None
            self.take(line)

    def take(self, line: LogLine) -> bool:
        text = line.text
        if self._panic or self._nobody:
            return self._take_panic(line)
        if "rocess" in text and (self._take_kill(text) or _TO_KILL.match(text)):
            return True
        ends = "ut of memory" in text or "Kernel panic" in text
        if ends and (_PANIC.match(text) or _NOBODY.match(text)):
            return self._take_panic(line)
        if text[:1] in "sS" and _SYSRQ.match(text):
            self._manual = True
        elif match := _CHOICE.match(text):
            self._choose(match)
        elif match := _LIMITED.match(text):
            self._memcg = match["path"]
            self._memory.take(text)
        elif match := _TASK_IN.match(text):
            self._cgroup, self._memcg = match["path"], match["limit"]
        else:
            return self._memory.take(text) or self._trace.take(line)
        return True

    def announces(self, other: Report) -> bool:
        """ "sysrq: Manual OOM execution" comes before the call that it leads to."""
        begun = self._by or self._chosen or self._victim or self._nobody or self._panic
        return self._manual and not begun and isinstance(other, OomKillerReport) and other._manual

    @property
    def page_kib(self) -> int | None:
        """A page's size, where the report shows it."""
        return self._memory.page_kib

    def take_whole(self, whole: Whole, number: int) -> bool:
        if self._panic or self._nobody:
            return False
        if isinstance(whole, WholeTable):
            return self._memory.take_table(whole)
        if isinstance(whole, WholeMemory):
            return self._take_memory(whole)
        return self._trace.take_whole(whole, number)

    def _take_memory(self, whole: WholeMemory) -> bool:
        """Between the call trace and the table of tasks, where neither has a use for a line."""
        if not self._trace.ended or self._trace.task is None:
            return False
        for text in whole.lines:
            self._memory.take(text)
        return True

    def _take_panic(self, line: LogLine) -> bool:
        """Nobody is killed: the kernel goes on, or panics and says in whose context."""
        text = line.text
        if _NOBODY.match(text):
            if self._nobody:
                self.finished = True  # another call's
                return False
            self._nobody = True
            self._end_of_nobody(text)
            return True
        if match := _PANIC.match(text):
            self._panic = match[0].partition(": ")[2]
            self.lines_max = self.foreign_max = _AFTER_PANIC
            return True
        if self._panic and self._trace.take(line):
            return True
        self.finished = not self._panic
        return False

    def _end_of_nobody(self, text: str) -> None:
        """The next line is a panic, where the whole machine has nobody to kill."""
        if text.startswith("Kernel panic"):
            self._panic = text.partition(": ")[2]
            self.lines_max = self.foreign_max = _AFTER_PANIC
        else:
            self.finished = self._memcg is not None and not text.startswith("O")

    def _choose(self, match: re.Match[str]) -> None:
        self._constraint = match["constraint"]
        if cgroup := _CGROUP.search(match["rest"]):
            self._cgroup = cgroup["path"]
        if limited := _LIMITED_BY.search(match["rest"]):
            self._memcg = limited["path"]
        if chosen := _CHOSEN.search(match["rest"]):
            self._chosen = Task(int(chosen["pid"]), int(chosen["pid"]), chosen["comm"])
            self._uid = int(chosen["uid"])

    def _take_kill(self, text: str) -> bool:
        match = _KILLED.match(text)
        if match is None:
            return False
        pid = int(match["pid"])
        self._victim = Task(pid, pid, match["comm"])
        sizes = match["sizes"] or ""
        self._sizes = {name: int(kib) for name, kib in _SIZE.findall(sizes)}
        if adjusted := _ADJUSTED.search(sizes):
            self._adjusted = int(adjusted[1])
        if uid := match["uid"] or ((found := _UID.search(sizes)) and found[1]):
            self._uid = int(uid)
        self.finished = True
        return True

    def event(self, boot: str) -> OomReport:
        """What the report says; None for what it does not say."""
        size: Any = self._sizes.get
        return OomReport(
            t=seconds(self._line),
            boot=boot,
            kernel=self.kernel,
            by=(None if self._manual else self._trace.task) or self._by,
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
            panic=self._panic,
            manual=self._manual,
            memory=self._memory.facts(),
            tasks=self._memory.largest(),
            lines=self.lines,
        )


_MARKERS = (
    b"oom",
    b"ut of memory",
    b"Killed process",
    b"sysrq: ",
    b"SysRq : ",
    b"Kernel panic - not syncing",
    b"emory cgroup",
)
KINDS = (
    Kind("oom", _MARKERS[:1], _INVOKED, OomKillerReport, anchored=False, alone=True),
    Kind("oom", _MARKERS[:1], _CALLED, OomKillerReport, alone=True),
    # the log begins in the middle of a report
    *(
        Kind("oom", _MARKERS, head, OomKillerReport, alone=True, inside=("oom",))
        for head in (_SYSRQ, _CHOICE, _LIMITED, _KILLED, _TO_KILL, _NOBODY, _PANIC)
    ),
)

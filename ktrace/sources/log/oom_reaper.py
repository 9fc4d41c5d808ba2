"""The OOM reaper's words: it took a victim's memory, or could not. oom_reap_task() of
mm/oom_kill.c, since v4.6 (36324a990cf5).

With lockdep the locks of all tasks follow the complaint; kernels of 2018 dumped the victim's stack
too. A victim that exits before the reaper comes has no line: since v5.18 that is 2 s later
(e4a38402c36e).
"""

import re

from ktrace.events import OomReaped, OomUnreaped, Task
from ktrace.sources.log.kind import Kind
from ktrace.sources.log.line import LogLine
from ktrace.sources.log.report import Report, Trace, seconds
from ktrace.sources.log.task_dump import dumped_task

_HEAD = re.compile(r"oom_reaper: unable to reap (?:pid:)?(?P<pid>\d{1,10}) \((?P<comm>.*?)\)")

# linux-next of 2016: "reaped process :3963 (a.out) anon-rss:0kB, file-rss:0kB, shmem-rss:0lB"
_REAPED = re.compile(
    r"oom_reaper: reaped process :?(?P<pid>\d{1,10}) \((?P<comm>.{0,64}?)\),? (?:now )?"
    r"anon-rss:(?P<anon>\d{1,15})kB(?:, ?file-rss:(?P<file>\d{1,15})kB)?"
    r"(?:, ?shmem-rss:(?P<shmem>\d{1,15})\w{1,3})?"
)


class OomReaperReport(Report):
    """The head, and the victim's own dump if there is one."""

    def __init__(self, line: LogLine, head: re.Match[str]) -> None:
        pid = int(head["pid"])
        self._victim = Task(pid, pid, head["comm"])
        super().__init__(line, Trace(task=self._victim))
        self._dumped = False

    def take(self, line: LogLine) -> bool:
        if dumped := dumped_task(line.text):
            self.finished = self._dumped or dumped[0].pid != self._victim.pid
            self._dumped = not self.finished
            return self._dumped
        if not self._dumped:
            return False
        taken = self._trace.take(line)
        self.finished = self._trace.ended
        return taken

    def event(self, boot: str) -> OomUnreaped:
        return OomUnreaped(
            t=seconds(self._line),
            boot=boot,
            kernel=self.kernel,
            victim=self._victim,
            stack=self._trace.stack,
            lines=self.lines,
        )


class OomReapedReport(Report):
    """A line of its own."""

    def __init__(self, line: LogLine, head: re.Match[str]) -> None:
        super().__init__(line, Trace())
        self._head = head
        self.finished = True

    def take(self, line: LogLine) -> bool:
        return False

    def event(self, boot: str) -> OomReaped:
        head, pid = self._head, int(self._head["pid"])
        anon, file, shmem = (
            int(head[name]) if head[name] else None for name in ("anon", "file", "shmem")
        )
        return OomReaped(
            t=seconds(self._line),
            boot=boot,
            kernel=self.kernel,
            victim=Task(pid, pid, head["comm"]),
            anon_rss_kib=anon,
            file_rss_kib=file,
            shmem_rss_kib=shmem,
            freed_kib=None,
            after_s=None,
            lines=self.lines,
        )


KINDS = (
    Kind("oom-reaper", (b"oom",), _HEAD, OomReaperReport),
    Kind("oom-reaped", (b"oom",), _REAPED, OomReapedReport),
)

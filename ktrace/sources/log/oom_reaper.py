"""The OOM reaper's complaint that it cannot take a victim's memory: oom_reap_task() of
mm/oom_kill.c, since v4.6 (36324a990cf5). With lockdep the locks of all tasks follow; kernels of
2018 dumped the victim's stack too."""

import re

from ktrace.events import OomUnreaped, Task
from ktrace.sources.log.kind import Kind
from ktrace.sources.log.line import LogLine
from ktrace.sources.log.report import Report, Trace, seconds
from ktrace.sources.log.task_dump import dumped_task

_HEAD = re.compile(r"oom_reaper: unable to reap (?:pid:)?(?P<pid>\d{1,10}) \((?P<comm>.*?)\)")


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


KIND = Kind("oom-reaper", (b"oom",), _HEAD, OomReaperReport)

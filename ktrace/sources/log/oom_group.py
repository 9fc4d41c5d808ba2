"""Kills of a whole memory cgroup: "Tasks in /a are going to be killed due to memory.oom.group set",
mem_cgroup_print_oom_group() of mm/memcontrol.c since v4.19, then a line for each of its tasks, once
more for the victim of the report before."""

import re
from dataclasses import replace

from ktrace.events import OomReport
from ktrace.sources.log.kind import Kind
from ktrace.sources.log.line import LogLine

_HEAD = re.compile(r"Tasks in (?P<path>/.*?) are going to be killed due to memory\.oom\.group set")
_NEAR = 8  # lines from one kill to the next
KIND = Kind("oom-group", (b"oom",), _HEAD, None)


class OomGroups:
    """Which kills are a group's."""

    def __init__(self) -> None:
        self._path = ""
        self._last = -_NEAR  # number of the group's last line

    def begin(self, line: LogLine, head: re.Match[str]) -> None:
        self._path, self._last = head["path"], line.number

    def of(self, report: OomReport) -> OomReport:
        """The same, where it is no group's."""
        first, last = report.lines
        alone = report.by is None and report.memcg is None and not report.nobody
        if not alone or first - self._last > _NEAR or first < self._last:
            return report
        self._last = last
        return replace(report, memcg=self._path, group=True)

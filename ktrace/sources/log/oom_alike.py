"""Reports of the OOM killer that are alike: other victims, of the same place and memory cgroup."""

import re

from ktrace.events import MemoryCount, OomReport, Task
from ktrace.sources.log.alike import Alike, made_like
from ktrace.sources.log.form import WHO, Form, Registers
from ktrace.sources.log.heads import Heads
from ktrace.sources.log.oom import OomKillerReport
from ktrace.sources.log.oom_memory import IN_PAGES, facts_in
from ktrace.sources.log.prefix import Prefix
from ktrace.sources.log.shape import Found, Read
from ktrace.sources.log.whole_table import largest

# Of lines that are counters and nothing else; those with a path, a task or a function have others
_COUNTERS = re.compile(r"(?!oom|Out|Kill|Memory|CPU|Pid|Task)(?:[\w :=*.,()?+-]|\[\]:)*")
_DIGITS = re.compile(r"\d+")
_SIZES = ("total_vm", "anon_rss", "file_rss", "shmem_rss", "pgtables")


class Counters:
    """The form of lines of counters, of which OomMemory needs some."""

    def of(self, line: str, names: set[str]) -> str | None:
        """As LineForm has it."""
        facts = {at: end for _, at, end in facts_in(line)}
        if not facts and not _COUNTERS.fullmatch(line):
            return None
        parts, before = [], 0
        for number in _DIGITS.finditer(line):
            parts.append(re.escape(line[before : number.start()]))
            before = number.end()
            if line[number.start() - 1 : number.start()] == "*":
                parts.append(number[0])  # of the buddy lists, from which the page's size is known
                continue
            if facts.get(number.start()) != number.end():
                parts.append(r"\d{1,20}")
                continue
            name = f"fact{len(names)}"
            names.add(name)
            parts.append(rf"(?P<{name}>\d{{1,15}})")
        return "".join(parts) + re.escape(line[before:])


class OomAlike(Alike):
    marker = " invoked oom-killer: "
    forms = (
        Form("<comm:name> invoked oom-killer: *, oom_score_adj=<int>"),
        Form("<comm:name> invoked oom-killer: "),
        *WHO,
        Form("oom-kill:*,task=<victimcomm:name>,pid=<victim:dec>,uid=<uid:dec>"),
        Form(
            "*ut of memory: Kill process <victim:dec> (<victimcomm:name>) score <dec> or sacrifice "
        ),
        Form(
            "*Killed process <victim:dec> (<victimcomm:name>) total-vm:<total_vm:kib>kB, "
            "anon-rss:<anon_rss:kib>kB, file-rss:<file_rss:kib>kB, shmem-rss:<shmem_rss:kib>kB, "
            "UID:<uid:dec> pgtables:<pgtables:kib>kB oom_score_adj:<oom_score_adj:int>"
        ),
        Form(
            "*Killed process <victim:dec> (<victimcomm:name>) total-vm:<total_vm:kib>kB, "
            "anon-rss:<anon_rss:kib>kB, file-rss:<file_rss:kib>kB"
        ),
        Form("*Killed process <victim:dec> (<victimcomm:name>)"),
        Registers(),
        Counters(),
    )

    def __init__(self, read: Read, prefix: Prefix, heads: Heads) -> None:
        super().__init__(read, prefix, heads)
        first = read.report.event("")
        assert isinstance(first, OomReport)
        self._by = self.shape.groups("comm", "pid")
        self._victim = self.shape.groups_below("victimcomm", "victim")
        below = self.shape.names_below
        self._numbers = {name: below[name] for name in ("uid", "oom_score_adj") if name in below}
        self._numbers |= {f"{name}_kib": below[name] for name in _SIZES if name in below}
        assert isinstance(read.report, OomKillerReport)
        page = read.report.page_kib or 0
        names = [name for _, text in read.parts for name, _, _ in facts_in(text)]
        at = dict(zip(reversed(names), reversed(self.shape.numbers("fact")), strict=True))
        told = [count.name for count in first.memory]
        self._facts = [(name, page if name in IN_PAGES else 1) for name in told]
        self._values = (0, 0, *[at[name] for name in told])  # two more: group() then has a tuple
        values = ("t", "boot", "by", "victim", "memory", "tasks", "lines")
        self._made = made_like(first, *values, *self._numbers)

    def names(self, found: Found) -> list[str]:
        comm, _ = found.first.group(*self._by)
        victim, _ = found.rest.group(*self._victim)
        return [comm, victim, *[row[3] for row in found.rows]]

    def event(self, found: Found, t: float, boot: str, lines: tuple[int, int]) -> OomReport:
        first, rest = found.first, found.rest
        values = first.group(*self._values)[2:]
        event: OomReport = self._made(
            t=t,
            boot=boot,
            by=_task(*first.group(*self._by)),
            victim=_task(*rest.group(*self._victim)),
            memory=tuple(
                [
                    MemoryCount(name, int(value) * by)
                    for (name, by), value in zip(self._facts, values, strict=True)
                ]
            ),
            tasks=tuple(largest(found.rows)),
            lines=lines,
            **{name: int(rest[at]) for name, at in self._numbers.items()},
        )
        return event


def _task(comm: str, pid: str) -> Task:
    number = int(pid)
    return Task(number, number, comm)

"""Lines that are read many at once tell what they tell one by one."""

import io
from collections.abc import Callable
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrace.events import Event
from ktrace.sources.log import bad_page_dump, lines, scanner
from ktrace.sources.log.bulk import many
from ktrace.sources.log.heads import Heads
from ktrace.sources.log.kinds import KINDS
from ktrace.sources.log.prefix import Prefix
from ktrace.sources.log.source import KernelLogSource
from ktrace.sources.log.whole_dump import WholeDump
from ktrace.sources.log.whole_table import WholeTable
from ktrace.sources.log.whole_trace import WholeTrace
from tests.sources.log.samples import ALL, OWNER, V6_1, stamped

pytestmark = pytest.mark.unit

REGISTERS = """\
RIP: 0033:0x7f3b21ceb53d
RSP: 002b:00007ffd0a5d2f34 EFLAGS: 00000246 ORIG_RAX: 00000000000000e7
RAX: ffffffffffffffda RBX: 000000cf7c65c1e5 RCX: 00007f3b21ceb53d
"""
OOPS = """\
BUG: kernel NULL pointer dereference, address: 0000000000000008
CPU: 0 PID: 12 Comm: cat Tainted: G    B   6.1.0-56-cloud-amd64 #1
RIP: 0010:proc_oops+0x12/0x20 [oops]
Call Trace:
 <TASK>
 ? __die+0x1f/0x70
 vfs_write+0xc0/0x3d0
 </TASK>
---[ end trace 0000000000000000 ]---
"""
TABLE = """\
Tasks state (memory values in pages):
[  pid  ]   uid  tgid total_vm      rss pgtables_bytes swapents oom_score_adj name
[    377]  1000   377    50000    10496   122880        0           300 app,d
[    378]  1000   378    50000    10497   122880        0             0 oom BUG: x
[    379]     0   379      100        7    12288        0             0 sh
[    380]     0   380      100       70    12288        0             0 (sd-pam)
[    381]     0   381      100       70    12288        0         -1000 a b
"""
MEMORY = """\
Call Trace:
 <TASK>
 dump_stack_lvl+0x44/0x5c
 oom_kill_process.cold+0xb/0x10
 </TASK>
Mem-Info:
active_anon:1 inactive_anon:2 isolated_anon:0
 slab_reclaimable:5812 slab_unreclaimable:10
 mapped:3 shmem:1 pagetables:2811
Node 0 DMA32 free:4432kB boost:0kB min:44704kB low:55880kB high:67056kB present:2080608kB
lowmem_reserve[]: 0 0 0 0 0
Node 0 DMA: 1*4kB (U) 0*8kB 1*16kB (U) 0*32kB = 20kB
0 pages in swap cache
Free swap  = 0kB
Total swap = 4kB
524150 pages RAM
"""
PLAIN_TABLE = TABLE.replace("oom BUG: x", "x")
WITH_REGISTERS = V6_1.replace(" </TASK>\n", REGISTERS + " </TASK>\n")
OTHERS = (
    *("usb 1-1: new device", "", "BUG", "oom", "Call Trace:", " <TASK>", " </TASK>", "[   T12] x"),
    *(" vfs_read+0x9f/0x330", " ? foo+0x1/0x2", "trailing   ", "\tA", "caf\u00e9"),
    *("Linux version 6.1.0", "CPU: 1 PID: 7 Comm: dd"),
    "INFO: task x:1 is blocked on a mutex likely owned by task y:2.",
)  # fmt: skip
LINES = [line for text in (*ALL, OWNER, OOPS, TABLE, MEMORY) for line in text.splitlines()] + list(
    OTHERS
)
REPORTS = (*ALL, WITH_REGISTERS, OOPS, V6_1.replace("dd", "app"))


def told(log: str, together: bool) -> tuple[list[Event], int, int]:
    source = KernelLogSource(io.BytesIO(log.encode()))
    one_by_one: Callable[..., None] = lambda *_: None  # noqa: E731
    with mock.patch.object(scanner, "CHUNK", 900):
        if together:
            return [*source.events()], source.suppressed, source.mentioned
        with mock.patch.object(lines, "many", one_by_one):
            return [*source.events()], source.suppressed, source.mentioned


@st.composite
def logs(draw: st.DrawFn) -> str:
    """Reports, some with lines of others in them, twice, or lost; behind a prefix that one line
    may lack."""
    text: list[str] = []
    for report in draw(st.lists(st.sampled_from(REPORTS), min_size=2, max_size=6)):
        own = report.splitlines()
        if report is ALL[-1]:
            table = draw(st.sampled_from([TABLE, PLAIN_TABLE]))
            own[3 - draw(st.integers(0, 1)) : 3] = f"{MEMORY}{table}".splitlines()
        for _ in range(draw(st.integers(0, 3))):
            at = draw(st.integers(0, len(own)))
            match draw(st.integers(0, 3)):
                case 0:
                    own.insert(at, draw(st.sampled_from(LINES)))
                case 1:
                    del own[at:]
                case 2:
                    del own[at : at + 1]
                case 3:
                    own[at:at] = own[at - 2 : at]
        text += own
    prefix = draw(st.sampled_from(["", "Dec 26 01:02:03 host kernel: ", "<4>", "host kernel: "]))
    whole = stamped("\n".join(text), prefix=prefix).splitlines()
    for _ in range(draw(st.integers(0, 2)) if whole else 0):
        at = draw(st.integers(0, len(whole) - 1))
        whole[at] = whole[at][draw(st.integers(0, 30)) :]
    return "\n".join(whole) + "\n" * draw(st.integers(0, 1))


@settings(deadline=None, max_examples=200)
@given(logs())
def test_the_same_as_one_by_one(log: str) -> None:
    assert told(log, True) == told(log, False)


def test_a_table_is_read_together_unless_a_task_has_a_marker_in_its_name() -> None:
    prefix, heads = Prefix("[  100.000000] "), Heads(KINDS)
    found = many(stamped(PLAIN_TABLE * 2), prefix, heads)
    assert found is not None
    tables = [part for part in found.parts if isinstance(part, WholeTable)]
    assert [len(table.rows) for table in tables] == [5, 4]  # the log's last line may go on
    assert [task.pid for task in tables[0].largest()] == [378, 377, 380, 381, 379]
    marked = many(stamped(TABLE.replace("BUG: ", "")), prefix, heads)
    assert marked is not None
    assert not any(isinstance(part, WholeTable) for part in marked.parts)


def test_lines_of_a_known_prefix_are_read_together() -> None:
    """Else the test above compares one way with itself."""
    log = stamped(WITH_REGISTERS * 3)
    found = many(log, Prefix("[  100.000000] "), Heads(KINDS))
    assert found is not None
    kinds = [type(part) for part in found.parts]
    assert kinds == [list, WholeDump, list, WholeTrace] * 3
    assert [head and head.kind.name for head in found.marked.values()] == ["bad-page"] * 3


@pytest.mark.parametrize("other", ["no prefix", "[  100.000000] [   T12] a caller", "> quoted"])
def test_one_other_line_needs_a_look_at_each(other: str) -> None:
    log = stamped(V6_1) + other + "\n"
    assert many(log, Prefix("[  100.000000] "), Heads(KINDS)) is None


@pytest.mark.parametrize("index", ["dead000000000100", "ffffffffffffffff", "0" * 16])
@pytest.mark.parametrize("wrong", ["", "mapcount:0", "raw: 000", "00000000ffffffff"])
def test_a_page_that_is_alike_is_judged_as_it_would_be_alone(index: str, wrong: str) -> None:
    """Of alike pages only the word with the index may differ."""
    other = V6_1.replace("raw: 0000000000000001", f"raw: {index}")
    other = other.replace(wrong, wrong[:-1] + "5") if wrong else other
    bad_page_dump._alike.clear()
    alone = told(stamped(other), together=True)
    bad_page_dump._alike.clear()
    told(stamped(V6_1), together=True)
    assert told(stamped(other), together=True) == alone

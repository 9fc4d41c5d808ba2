"""What the files of /proc say of memory, and what is told of it when the OOM killer has killed."""

import pytest

from ktrace.events import Counted, MemoryCount, OomMemory, Stalled, Zone
from ktrace.sources.live.meminfo import kib_by_name
from ktrace.sources.live.memory_watch import (
    MemoryFiles,
    MemoryLook,
    MemoryWatch,
    counters,
    pressure,
    zones,
)
from tests.factories import kill, oom_kill

pytestmark = pytest.mark.unit

# Of /proc/zoneinfo of Linux 6.18, shortened; Movable is empty
ZONEINFO = """\
Node 0, zone      DMA
  per-node stats
      nr_inactive_anon 98608
      workingset_refault_file 5804879
  pages free     3840
        boost    0
        min      20
        low      25
        high     30
        promo    35
        spanned  4095
        present  3998
        managed  3840
        cma      0
        protection: (0, 3019, 12235, 12235, 12235)
      nr_free_pages 3840
  pagesets
    cpu: 0
              count:    0
              high:     0
              high_min: 12
  vm stats threshold: 4
  node_unreclaimable:  0
Node 0, zone  Movable
  pages free     0
        boost    0
        min      32
        low      32
        high     32
        promo    32
        spanned  0
        present  0
        managed  0
        cma      0
"""
PRESSURE = """\
some avg10=0.00 avg60=0.00 avg300=0.00 total=94634
full avg10=0.00 avg60=0.00 avg300=0.00 total=11651
"""


def test_zones() -> None:
    assert zones(ZONEINFO, page_kib=4) == (Zone("DMA", 0, 15360, 80, 100, 120, 15360),)


def test_the_other_files() -> None:
    text = "MemTotal:  223456 kB\nDirectMap4k: 1 kB\n\nMemFree:\n"
    assert kib_by_name(text, ("MemTotal", "MemFree")) == {"MemTotal": 223456}
    assert counters("pgscan_direct 12\nnr_free_pages 4\n") == {"pgscan_direct": 12}
    assert pressure(PRESSURE) == Stalled(0.094634, 0.011651)
    assert pressure("") is None


@pytest.mark.parametrize("text", ["", "Node", "Node 0, zone DMA", "\0", "pages free x\n"])
def test_files_that_say_nothing(text: str) -> None:
    assert zones(text, page_kib=4) == ()
    assert kib_by_name(text, ("MemTotal",)) == {}
    assert counters(text) == {}


def look(t: float) -> MemoryLook:
    """As if all numbers grew with the time."""
    second = int(t)
    return MemoryLook(
        t,
        {"AnonPages": 1000 * second},
        (),
        {"workingset_refault_file": 10 * second},
        Stalled(t / 10, t / 20),
    )


def test_what_led_to_a_kill() -> None:
    watch = MemoryWatch(look)
    for second in range(100, 150):
        assert not list(watch.read(float(second), []))
    (told,) = watch.read(149.9, [oom_kill(149.5)])
    assert told == OomMemory(
        t=149.9,
        looked_t=149.0,
        over_s=29.0,
        page_kib=told.page_kib,
        memory=(MemoryCount("AnonPages", 149_000),),
        left=(MemoryCount("AnonPages", 149_000),),
        grown=(MemoryCount("AnonPages", 29_000),),
        zones=(),
        counted=(Counted("workingset_refault_file", 290),),
        stalled=Stalled(2.9, 1.45),
    )


def test_a_kill_before_the_first_look() -> None:
    (told,) = MemoryWatch(look).read(100.2, [oom_kill(100.0)])
    assert (told.looked_t, told.over_s, told.grown, told.stalled) == (100.2, 0.0, (), None)


def test_an_ordinary_kill_tells_nothing() -> None:
    assert not list(MemoryWatch(look).read(100.0, [kill(99.9)]))


def test_files_that_are_not_there() -> None:
    files = MemoryFiles("/proc/none")
    assert files.look(5.0) == MemoryLook(5.0, {}, (), {}, None)
    files.close()


def test_this_machine() -> None:
    files = MemoryFiles()
    seen = files.look(5.0)
    files.close()
    assert seen.memory["MemTotal"] > seen.memory["MemFree"] > 0
    assert any(zone.free_kib for zone in seen.zones)
    assert "pgmajfault" in seen.counters

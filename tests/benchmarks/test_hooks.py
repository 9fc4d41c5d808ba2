"""When the last hook of a tool is in, of what strace writes."""

import pytest

from benchmarks.suite.hooks import last_hook

pytestmark = pytest.mark.unit

BPFTRACE = """\
9747  1795878167.024416 execve("/usr/bin/bpftrace", ["bpftrace", "-e"], 0x7ffe /* 39 vars */) = 0
9747  1795878167.101000 bpf(BPF_PROG_LOAD, {prog_type=BPF_PROG_TYPE_TRACEPOINT}, 144) = 11
9747  1795878167.170859 ioctl(9, PERF_EVENT_IOC_SET_BPF, 11) = 0
9747  1795878167.170896 ioctl(9, PERF_EVENT_IOC_ENABLE, 0) = 0
9766  1795878167.171008 execve("/bin/true", ["/bin/true"], 0x7ffd /* 39 vars */) = 0
9747  1795878167.273370 ioctl(9, PERF_EVENT_IOC_DISABLE, 0) = 0
"""
KTRACE = """\
9268  1795878164.000000 execve("/bin/python", ["python", "-m", "ktrace"], 0x7ffe /* 39 vars */) = 0
9268  1795878164.250000 bpf(BPF_RAW_TRACEPOINT_OPEN, {raw_tracepoint={prog_fd=9}}, 16) = 65
9268  1795878164.300000 bpf(BPF_MAP_CREATE, {map_type=BPF_MAP_TYPE_HASH}, 72) = 66
9510  1795878164.700000 execve("/bin/true", ["/bin/true"], 0x7ffe <unfinished ...>
9268  1795878164.710000 perf_event_open({type=PERF_TYPE_SOFTWARE}, 1, -1, -1, 8) = 67
"""


def test_the_last_one_before_the_command() -> None:
    assert last_hook(BPFTRACE.splitlines()) == pytest.approx(0.14648, abs=1e-5)
    assert last_hook(KTRACE.splitlines()) == pytest.approx(0.25)


def test_none_where_nothing_is_attached() -> None:
    assert last_hook(BPFTRACE.splitlines()[:2]) is None
    assert last_hook([]) is None

"""ktrace oom-hang on this machine's kernel: a process that dies slowly is not stuck."""

import pytest

from tests import stuck_tasks
from tests.tracer import tracer

pytestmark = pytest.mark.kernel

MEBIBYTES = 512  # of which a starved process unmaps some 40 MiB a second
LOOKS = 4


def test_memory_that_shrinks_in_steps() -> None:
    with tracer() as running, stuck_tasks.starved_eater(MEBIBYTES) as (process, feed):
        pid = process.pid
        stuck_tasks.kill(pid)
        first = running.wait_for(
            lambda r: r.get("tid") == pid and bool((r["dying"] or {}).get("kib_per_s"))
        )
        assert first["dying"]["phase"] == "exit_mm"
        assert 0 < first["dying"]["rss_kib"] < MEBIBYTES << 10
        seen = len(running.findings(pid))
        running.wait_for(lambda _: len(running.findings(pid)) >= seen + LOOKS)
        later = [found["dying"] for found in running.findings(pid)[seen:]]
        # it runs once in two seconds or so, and there is a look every second
        assert all(dying["kib_per_s"] > 0 for dying in later), later
        left = [dying["rss_kib"] for dying in later]
        assert left == sorted(left, reverse=True)
        feed()
        outcome = running.finding("resolved", pid)["outcome"]
        assert outcome["exit_signal"] == 9
        assert first["stuck_s"] < outcome["memory_freed_after_s"] <= outcome["after_s"]

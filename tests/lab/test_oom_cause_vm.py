"""Why the OOM killer came, in a guest: a limit, a program that grows, files in tmpfs."""

from pathlib import Path

import pytest

from ktrace.detectors import oom_cause
from ktrace.detectors.oom_cause import cause_of
from ktrace.detectors.oom_facts import facts_of_kill
from ktrace.views.oom_cause_text import why_lines
from tests.lab.machines import KTRACE, booted, machine
from tests.views.runs import analysis_of

pytestmark = pytest.mark.vm

GROW = "import time; [(bytearray(b'x' * (4 << 20)), time.sleep(0.1)) for _ in range(999)]"
LEAK = "import time; [(bytearray(b'x' * (1 << 19)), time.sleep(0.5)) for _ in range(999)]"


def test_limit_growth_and_shared_memory(tmp_path: Path) -> None:
    with booted(machine(tmp_path)) as guest:
        guest.check("echo -1000 >/proc/$$/oom_score_adj")
        guest.check(f'echo "{GROW}" >/run/grow.py; echo "{LEAK}" >/run/grow.py.slowly')
        guest.check(
            f"{KTRACE} oom-hang -o /run/trace >/run/lines 2>&1 & echo $! >/run/pid; "
            "until grep -q tracing /run/lines; do usleep 100000; done"
        )
        guest.check("echo +memory >/sys/fs/cgroup/cgroup.subtree_control")
        guest.check("mkdir /sys/fs/cgroup/small && echo 20M >/sys/fs/cgroup/small/memory.max")
        guest.check("mkdir /run/fill && mount -t tmpfs -o size=55% none /run/fill")
        chosen = "echo 1000 >/proc/self/oom_score_adj"
        grower = f"{chosen}; exec python3 /run/grow.py"
        inside = "echo 0 >/sys/fs/cgroup/small/cgroup.procs"
        leak = f"{inside}; {chosen}; exec python3 /run/grow.py.slowly"
        filler = f"{chosen}; dd if=/dev/zero of=/run/fill/file bs=1M; {grower}"
        for count, victim in enumerate((leak, grower, filler), 1):
            guest.check(f"sh -c '{victim}' >/dev/null 2>&1 &")
            guest.wait(f"[ $(grep -c 'OOM kill:' /run/lines) -ge {count} ]", timeout=60)
            guest.wait("! pgrep -f 'grow.py|fill' >/dev/null")
        guest.check("umount /run/fill; kill -TERM $(cat /run/pid)")
        guest.wait("grep -q verdict: /run/lines")
        text = guest.check("cat /run/trace")
    trace = tmp_path / "guest.ktrace"
    trace.write_text(text)
    kills = analysis_of(trace).kills.oom
    facts = [facts_of_kill(kill) for kill in kills]
    causes = [cause_of(each) for each in facts if each]
    assert causes == [oom_cause.LIMIT, oom_cause.GROWTH, oom_cause.SHARED_MEMORY]
    limit, growth, shared = ("\n".join(why_lines(kill)) for kill in kills)
    assert "why: memory cgroup /small reached its limit of 20 MiB; python3[" in limit
    assert "its anonymous memory grew by " in limit
    assert facts[0] is not None
    assert (facts[0].anon_grown or 0) >= 2 << 10
    assert "why: anonymous memory grew by " in growth
    assert "without swap: a leak, or more than there is; the largest: python3[" in growth
    assert "why: shared memory (tmpfs, shmem) has " in shared

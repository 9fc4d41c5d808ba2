"""Capabilities given up: what is left, in this process and in what it executes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ktrace.kernel.capabilities import Capability, effective, last_known

pytestmark = pytest.mark.kernel

KEPT = (Capability.CAP_BPF, Capability.CAP_SYSLOG)
_FIELDS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs")


def status(text: str) -> dict[str, int]:
    """Of a /proc/PID/status, the sets as numbers."""
    lines = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    return {name: int(lines[name], 16) for name in _FIELDS}


def in_a_child(statement: str) -> list[dict[str, int]]:
    """The sets of a process that has run statement, and of one that it has executed then."""
    code = (
        "import subprocess\n"
        "from ktrace.kernel.capabilities import *\n"
        f"{statement}\n"
        "print(open('/proc/self/status').read(), '@', flush=True)\n"
        "subprocess.run(['cat', '/proc/self/status'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return [status(part) for part in done.stdout.split("@")]


def test_for_good() -> None:
    kept = sum(1 << number for number in KEPT)
    own, executed = in_a_child(f"restrict({[*map(int, KEPT)]})")
    assert (own["CapEff"], own["CapPrm"], own["CapAmb"], own["CapBnd"]) == (kept, kept, 0, 0)
    assert own["NoNewPrivs"] == 1
    assert (executed["CapEff"], executed["CapPrm"]) == (0, 0)  # though root executed it


def test_put_aside_for_moments() -> None:
    statement = f"restrict({[*map(int, KEPT)]}, [int(Capability.CAP_SYS_ADMIN)])"
    moment = "\nwith raised():\n    assert Capability.CAP_SYS_ADMIN in effective()"
    both = sum(1 << number for number in (*KEPT, Capability.CAP_SYS_ADMIN))
    own, executed = in_a_child(statement + moment)
    kept = sum(1 << number for number in KEPT)
    assert (own["CapEff"], own["CapPrm"], own["NoNewPrivs"]) == (kept, both, 1)
    assert (executed["CapEff"], executed["CapPrm"]) == (0, 0)


def test_put_aside() -> None:
    before = status(Path("/proc/self/status").read_text())
    kept = sum(1 << number for number in KEPT)
    own, executed = in_a_child(f"restrict({[*map(int, KEPT)]}, for_good=False)")
    assert (own["CapEff"], own["CapPrm"]) == (kept, before["CapPrm"])
    assert (executed["CapEff"], executed["NoNewPrivs"]) == (before["CapEff"], before["NoNewPrivs"])


def test_taken_up_again() -> None:
    own, _ = in_a_child("all = effective(); restrict((), for_good=False); restrict(all)")
    assert own["CapEff"] == status(Path("/proc/self/status").read_text())["CapEff"]


def test_what_the_kernel_knows() -> None:
    assert max(effective()) <= last_known()
    assert os.geteuid() == 0

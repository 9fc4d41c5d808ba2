"""Kernels that refuse: locked down, without BTF. One clear line, and the right exit code."""

from pathlib import Path

import pytest

from ktrace.lab.guest import guest as guests
from tests.lab.machines import KTRACE, booted, machine

pytestmark = pytest.mark.vm


def test_lockdown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = f"{guests.KERNEL_ARGUMENTS} lockdown=confidentiality"
    monkeypatch.setattr(guests, "KERNEL_ARGUMENTS", arguments)
    with booted(machine(tmp_path)) as guest:
        answer = guest.run(f"{KTRACE} oom-hang --duration 1 2>&1")
        assert answer.status == 3
        assert "locked down" in answer.output
        assert "Traceback" not in answer.output
        guest.check("mount -t securityfs none /sys/kernel/security")
        doctor = guest.run(f"{KTRACE} doctor 2>&1")
        assert doctor.status == 3
        assert "confidentiality" in doctor.output


def test_without_btf(tmp_path: Path) -> None:
    with booted(machine(tmp_path)) as guest:
        guest.check("mount -t tmpfs none /sys/kernel/btf")
        answer = guest.run(f"{KTRACE} oom-hang --duration 1 2>&1")
        assert answer.status == 3
        assert "bcc needs kernel headers, and there are none" in answer.output
        assert "Traceback" not in answer.output


def test_a_module_that_comes_goes_and_comes_again(tmp_path: Path) -> None:
    with booted(machine(tmp_path, ("squashfs",))) as guest:
        guest.check(
            f"{KTRACE} oom-hang >/run/lines 2>&1 & echo $! >/run/pid; "
            "until grep -q tracing /run/lines; do usleep 100000; done"
        )
        attached = "probe squashfs_cache_get: attached"
        for times in (1, 2):
            guest.check("insmod /modules/squashfs.ko")
            guest.wait(f"[ $(grep -c '{attached}' /run/lines) -eq {times} ]")
            guest.check("rmmod squashfs")  # a probe must not hold the module
            waiting = "probe squashfs_cache_get: waiting"
            guest.wait(f"[ $(grep -c '{waiting}' /run/lines) -eq {times} ]")
        # a shell has its background commands ignore SIGINT, and ktrace keeps to that
        guest.check("kill -TERM $(cat /run/pid)")
        guest.wait("grep -q verdict: /run/lines")
        assert "verdict: clean" in guest.check("cat /run/lines")

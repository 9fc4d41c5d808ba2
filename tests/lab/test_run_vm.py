"""The lab with a stand-in for ktrace: does the hang form, and does the lab survive failures?"""

from pathlib import Path

import pytest

from ktrace.lab.errors import GuestDied, GuestTimeout
from ktrace.lab.runner import run_scenario
from tests.lab.machines import booted, machine

pytestmark = pytest.mark.vm

# Says that it records, waits for SIGINT, and ends as a ktrace that has found something.
STAND_IN = (
    """exec 3>/dev/virtio-ports/trace; echo '{"kind": "session"}' >&3; """
    """echo '{"kind":"event","event":"probe_change"}' >&3; """
    """trap 'echo "{\\"kind\\": \\"end\\"}" >&3; exit 1' INT; while :; do usleep 99999; done"""
)


def test_the_hang_forms_and_ends(tmp_path: Path) -> None:
    # The scenario itself checks in the guest's /proc who is stuck, where, and until when.
    output = tmp_path / "t.ktrace"
    result = run_scenario("squashfs-stall", output=output, command=["sh", "-c", STAND_IN])
    assert result.exit_code == 1
    assert output.read_bytes().endswith(b'\n{"kind": "end"}\n')
    assert result.logs is None


def test_the_guest_can_run_ktrace(tmp_path: Path) -> None:
    with booted(machine(tmp_path)) as guest:
        said = guest.check("PYTHONPATH=/ktrace python3 -c 'import ktrace, click, rich.live'")
        assert said == ""
        guest.power_off()


def test_a_command_that_hangs(tmp_path: Path) -> None:
    with booted(machine(tmp_path)) as guest:
        with pytest.raises(GuestTimeout, match="sleep 600") as caught:
            guest.run("sleep 600", timeout=1)
        assert caught.value.details


def test_a_panic_of_the_guests_kernel(tmp_path: Path) -> None:
    with booted(machine(tmp_path)) as guest, pytest.raises(GuestDied, match="Kernel panic"):
        guest.run("echo c >/proc/sysrq-trigger")

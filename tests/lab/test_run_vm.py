"""The lab with a stand-in for ktrace: does the hang form, and does the lab survive failures?"""

from pathlib import Path

import pytest

from ktrace.lab.build import image
from ktrace.lab.build.packages import debian_kernel
from ktrace.lab.cache import cache_dir
from ktrace.lab.errors import GuestDied, GuestTimeout
from ktrace.lab.guest.guest import Disk, Guest, Machine
from ktrace.lab.runner import run_scenario

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


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    cache = cache_dir()
    kernel = debian_kernel(cache)
    return Machine(
        kernel=kernel.image,
        initramfs=image.initramfs(cache, kernel, ()),
        disks=(
            Disk("system", image.system_disk(cache)),
            Disk("ktrace", image.ktrace_disk(cache)),
        ),
        trace=tmp_path / "trace",
        console=tmp_path / "console.log",
    )


def test_the_guest_can_run_ktrace(machine: Machine) -> None:
    with Guest(machine) as guest:
        guest.boot()
        said = guest.check("PYTHONPATH=/ktrace python3 -c 'import ktrace, click, rich.live'")
        assert said == ""
        guest.power_off()


def test_a_command_that_hangs(machine: Machine) -> None:
    with Guest(machine) as guest:
        guest.boot()
        with pytest.raises(GuestTimeout, match="sleep 600") as caught:
            guest.run("sleep 600", timeout=1)
        assert caught.value.details


def test_a_panic_of_the_guests_kernel(machine: Machine) -> None:
    with Guest(machine) as guest:
        guest.boot()
        with pytest.raises(GuestDied, match="Kernel panic"):
            guest.run("echo c >/proc/sysrq-trigger")

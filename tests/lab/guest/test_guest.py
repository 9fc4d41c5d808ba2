"""QEMU's command line, and a guest that was never started."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from ktrace.lab.arch import ARM64
from ktrace.lab.errors import GuestDied
from ktrace.lab.guest.guest import Disk, Guest, Machine, qemu_command

pytestmark = pytest.mark.unit

MACHINE = Machine(
    kernel=Path("/k/vmlinuz"),
    initramfs=Path("/k/initramfs"),
    disks=(Disk("system", Path("/k/system.ext4")), Disk("workload", Path("/k/a,b.squashfs"))),
    trace=Path("/out/t.ktrace"),
    console=Path("/logs/console.log"),
)


def options(machine: Machine, name: str) -> list[str]:
    command = qemu_command(machine, control=5, qmp=6, screen=7)
    return [value for option, value in pairwise(command) if option == name]


def test_disks_keep_their_names_and_order() -> None:
    serials = [value.rpartition("serial=")[2] for value in options(MACHINE, "-device")]
    assert [serial for serial in serials if serial in ("system", "workload")] == [
        "system",
        "workload",
    ]
    assert all("readonly=on" in drive for drive in options(MACHINE, "-drive"))


def test_commas_in_paths_are_doubled() -> None:
    assert any(drive.endswith("file=/k/a,,b.squashfs") for drive in options(MACHINE, "-drive"))


def test_sockets_are_passed_by_number() -> None:
    chardevs = options(MACHINE, "-chardev")
    assert "socket,id=control,fd=5" in chardevs
    assert "socket,id=qmp,fd=6" in chardevs
    assert "socket,id=screen,fd=7" in chardevs


@pytest.mark.parametrize(("tty", "device"), [(True, "virtconsole"), (False, "virtserialport")])
def test_the_screen_is_a_terminal_only_if_asked_for(tty: bool, device: str) -> None:
    devices = options(replace(MACHINE, tty=tty), "-device")
    assert f"{device},chardev=screen,name=screen" in devices


def test_no_kvm_and_no_reboot() -> None:
    assert options(MACHINE, "-accel") == ["tcg,thread=single"]
    assert "-no-reboot" in qemu_command(MACHINE, control=5, qmp=6, screen=7)


def test_a_board_of_another_architecture() -> None:
    machine = replace(MACHINE, arch=ARM64, memory=Path("/m"))
    command = qemu_command(machine, control=5, qmp=6, screen=7)
    assert command[0] == "qemu-system-aarch64"
    # the second one is added to the first by QEMU
    assert options(machine, "-machine") == ["virt", "memory-backend=ram"]
    (arguments,) = options(machine, "-append")
    assert arguments.startswith("console=ttyAMA0 ")


def test_errors_carry_the_console(tmp_path: Path) -> None:
    console = tmp_path / "console.log"
    console.write_text("first\n\nKernel panic - not syncing\n")
    with Guest(replace(MACHINE, console=console)) as guest:
        assert guest.console_tail(1) == "Kernel panic - not syncing"
        guest.kill()
        with pytest.raises(GuestDied, match="Kernel panic - not syncing") as caught:
            guest.run("true")
    assert caught.value.details == "first\nKernel panic - not syncing"

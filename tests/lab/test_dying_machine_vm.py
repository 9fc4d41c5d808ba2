"""Where a trace goes that is to outlive the machine: a panic costs its last second, no more."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ktrace.events import FatalSignal
from ktrace.lab.build import image
from ktrace.lab.build.initramfs import initramfs
from ktrace.lab.build.packages import debian_kernel
from ktrace.lab.cache import cache_dir
from ktrace.lab.errors import GuestDied
from ktrace.lab.guest.guest import TRACE_PORT, Disk, Guest, Machine
from ktrace.lab.guest.tracer import ENVIRONMENT, KTRACE
from ktrace.trace.reader import TraceFile

pytestmark = pytest.mark.vm

_LOSS_S = 1.0  # docs/trace-format.md
_RHYTHM_S = 0.2
_HOST = "10.0.2.2"  # how a guest calls the host in QEMU's user network


@dataclass
class Places:
    """On the host: what each kind of place has got."""

    disk: Path
    serial: Path
    received: Path
    trace: Path  # a character device: a port of virtio-serial

    def dump_disk(self) -> Path:
        """ext4 as the crash left it, its journal included."""
        subprocess.run(["e2fsck", "-fy", self.disk], capture_output=True, check=False)
        out = self.disk.with_suffix(".ktrace")
        command = ["debugfs", "-R", f"dump /kept.ktrace {out}", str(self.disk)]
        subprocess.run(command, stderr=subprocess.DEVNULL, check=True)
        return out


@contextmanager
def receiving(file: Path) -> Iterator[int]:
    """ktrace receive; its port."""
    command = [sys.executable, "-m", "ktrace", "receive", "0", "-o", str(file)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        try:
            yield int(process.stderr.readline().split("127.0.0.1:")[1].partition(";")[0])
        finally:
            process.terminate()


def machine(places: Places, console: Path) -> Machine:
    cache = cache_dir()
    kernel = debian_kernel(cache)
    with places.disk.open("wb") as disk:
        disk.truncate(32 << 20)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", places.disk], check=True)
    return Machine(
        kernel=kernel.image,
        initramfs=initramfs(cache, kernel, ("virtio_net",)),
        disks=(
            Disk("system", image.system_disk(cache)),
            Disk("ktrace", image.ktrace_disk(cache)),
        ),
        trace=places.trace,
        console=console,
        memory_mb=384,
        devices=(
            *("-chardev", f"file,id=second,path={places.serial}", "-serial", "chardev:second"),
            *("-drive", f"if=none,id=kept,format=raw,file={places.disk}"),
            *("-device", "virtio-blk-pci,drive=kept,serial=kept"),
            *("-nic", "user,model=virtio-net-pci"),
        ),
    )


def prepare(guest: Guest) -> None:
    guest.check("mkdir /run/kept && mount -t ext4 /dev/disk/kept /run/kept")
    guest.check("for m in failover net_failover virtio_net; do insmod /modules/$m.ko; done")
    guest.wait("[ -e /sys/class/net/eth0 ]")
    guest.check("ip addr add 10.0.2.15/24 dev eth0 && ip link set eth0 up")


def record(guest: Guest, number: int, place: str) -> None:
    command = " ".join(["env", *ENVIRONMENT, *KTRACE, "record", "-o", place])
    guest.check(f"{command} >/run/said.{number} 2>&1 &")
    guest.wait(f"grep -q 'recording to' /run/said.{number}")


def panic(guest: Guest) -> float:
    """Let something happen all the time, then crash; when, in the guest's seconds."""
    kills = f"while :; do sleep 9 & kill -9 $!; usleep {int(_RHYTHM_S * 1e6)}; done"
    guest.check(f"({kills}) >/dev/null 2>&1 &")
    before = float(guest.check("cut -d ' ' -f 1 /proc/uptime"))
    guest.wait(f"[ $(cut -d . -f 1 /proc/uptime) -ge {int(before + 4)} ]")  # traces go on
    with pytest.raises(GuestDied):
        guest.run("echo c >/proc/sysrq-trigger")
    lines = guest.machine.console.read_text(errors="replace").splitlines()
    (crash,) = [line for line in lines if "sysrq: Trigger a crash" in line]
    return float(crash.split("]")[0].lstrip("["))


def last_event(path: Path) -> float:
    """When the last kill in it was; the damage at its end is a torn line at most."""
    records = TraceFile(path).records()
    return max(record.t for record in records if isinstance(record, FatalSignal))


def test_the_trace_of_a_panic(tmp_path: Path) -> None:
    names = ("disk.img", "serial.ktrace", "received.ktrace", "port.ktrace")
    places = Places(*(tmp_path / name for name in names))
    with (
        receiving(places.received) as port,
        Guest(machine(places, tmp_path / "console.log")) as guest,
    ):
        guest.boot()
        prepare(guest)
        to = ("/run/kept/kept.ktrace", "/dev/ttyS1", f"tcp:{_HOST}:{port}", TRACE_PORT)
        for number, place in enumerate(to):
            record(guest, number, place)
        crashed_t = panic(guest)
    files = (places.dump_disk(), places.serial, places.received, places.trace)
    missing = {file.name: crashed_t - last_event(file) for file in files}
    assert all(lost_s <= _LOSS_S + _RHYTHM_S for lost_s in missing.values()), missing

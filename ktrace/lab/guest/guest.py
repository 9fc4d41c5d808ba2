"""A QEMU guest: started, talked to, and always gone at the end."""

import shutil
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from ktrace.lab.arch import AMD64, Arch
from ktrace.lab.errors import GuestDied, GuestTimeout, LabError
from ktrace.lab.guest.control import Answer, Control
from ktrace.lab.guest.qmp import Qmp
from ktrace.lab.limits import PATIENCE_S
from ktrace.lab.tools import DETAIL_LINES, find_tool, last_lines

KERNEL_ARGUMENTS = "loglevel=5 panic=-1 mitigations=off random.trust_cpu=on rdinit=/init"
TTY_PORT = "/dev/hvc0"
LINE_PORT = "/dev/virtio-ports/screen"
TRACE_PORT = "/dev/virtio-ports/trace"


@dataclass(frozen=True)
class Disk:
    """A read-only disk; the guest has it as /dev/disk/NAME."""

    name: str
    image: Path


@dataclass(frozen=True)
class Machine:
    """What to boot. `tty` makes the screen port a terminal, else it is a plain pipe.

    `memory` is a file to have the guest's memory in: its first byte is at `arch.memory_start`.
    """

    kernel: Path
    initramfs: Path
    disks: tuple[Disk, ...]
    trace: Path
    console: Path
    tty: bool = False
    memory_mb: int = 256
    cpus: int = 2
    arguments: str = ""  # added to the kernel's command line
    memory: Path | None = None
    five_levels: bool = False  # of page tables
    devices: tuple[str, ...] = ()  # more arguments for QEMU
    arch: Arch = AMD64
    agent: bool = False  # the trace port goes to Guest.agent, and not into the file


class Guest:
    """One run of a Machine, as a context manager. Every wait has a time limit.

    What fails raises a LabError that carries the last lines of the guest's console.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._process: subprocess.Popen[bytes] | None = None
        self._control_socket, self._control_far = socket.socketpair()
        self._qmp_socket, self._qmp_far = socket.socketpair()
        self.screen, self._screen_far = socket.socketpair()
        self.agent, self._agent_far = socket.socketpair()
        self._control = Control(self._control_socket)
        self._qmp = Qmp(self._qmp_socket)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def boot(self, timeout: float = PATIENCE_S) -> None:
        """Start QEMU and wait until the guest takes commands."""
        far_ends = (self._control_far, self._qmp_far, self._screen_far, self._agent_far)
        control, qmp, screen, agent = (end.fileno() for end in far_ends)
        command = qemu_command(self.machine, control=control, qmp=qmp, screen=screen, agent=agent)
        self._process = subprocess.Popen(
            [*_die_with_parent(), find_tool(command[0]), *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(control, qmp, screen, agent),
            # Ctrl-C in the user's terminal is for the lab, which ends the guest in its turn.
            start_new_session=True,
        )
        for end in far_ends:
            end.close()
        try:
            self._control.wait_ready(timeout)
        except LabError as error:
            raise self._explained(error) from None

    def run(self, command: str, timeout: float = PATIENCE_S) -> Answer:
        """Run a shell command line in the guest, whatever its exit status."""
        try:
            return self._control.run(command, timeout)
        except LabError as error:
            raise self._explained(error) from None

    def check(self, command: str, timeout: float = PATIENCE_S) -> str:
        """Run a shell command line in the guest; its output, or an error if it failed."""
        answer = self.run(command, timeout)
        if answer.status != 0:
            message = f"in the guest, `{command}` failed with status {answer.status}"
            raise LabError(message, details=last_lines(answer.output, DETAIL_LINES))
        return answer.output

    def wait(self, condition: str, timeout: float = PATIENCE_S) -> None:
        """Wait until a shell condition is true in the guest."""
        self.check(f"until {condition}; do usleep 50000; done", timeout)

    def qmp(self, command: str, **arguments: object) -> object:
        """Run a QMP command, as in QEMU's QMP reference."""
        try:
            return self._qmp.execute(command, **arguments)
        except LabError as error:
            raise self._explained(error) from None

    def throttle(self, disk: str, bytes_per_second: int) -> None:
        """Limit a disk; 0 lifts the limit, and what waited goes on."""
        limits = dict.fromkeys(("bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"), 0)
        limits["bps"] = bytes_per_second
        self.qmp("block_set_io_throttle", device=_drive(disk), **limits)

    def monitor(self, command: str) -> str:
        """Run a command of QEMU's human monitor; what it prints."""
        return str(self.qmp("human-monitor-command", **{"command-line": command}))

    def power_off(self, timeout: float = PATIENCE_S) -> None:
        """Switch the guest off from inside and wait for QEMU to end."""
        try:
            self._control.run("poweroff -f", timeout)
        except GuestDied:
            pass
        if self._process is not None:
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                raise self._explained(GuestTimeout("the guest did not power off")) from None

    def console_tail(self, lines: int = DETAIL_LINES) -> str:
        """The last lines of the guest's serial console."""
        if not self.machine.console.is_file():
            return ""
        return last_lines(self.machine.console.read_text(errors="replace"), lines)

    def kill(self) -> None:
        """End QEMU, whatever state it is in; whoever reads the screen sees its end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for end in (self._control_far, self._qmp_far, self._screen_far, self._agent_far):
            end.close()

    def close(self) -> None:
        """End QEMU and close all that was used to talk to it."""
        self.kill()
        if self._process is not None and self._process.stderr is not None:
            self._process.stderr.close()
        for end in (self._control_socket, self._qmp_socket, self.screen, self.agent):
            end.close()

    def _explained(self, error: LabError) -> LabError:
        """The error with the guest's last words: why it died, what its console said."""
        text = str(error)
        if isinstance(error, GuestDied):
            text += self._cause_of_death()
        details = f"{error.details}\n{self.console_tail()}".strip()
        return type(error)(text, hint=error.hint, details=details)

    def _cause_of_death(self) -> str:
        """What to add to "the guest died": its kernel's panic, else what QEMU said."""
        console = self.console_tail(lines=1000)
        panics = [line for line in console.splitlines() if "Kernel panic" in line]
        if panics:
            return f": {panics[0]}"
        if self._process is None or self._process.stderr is None:
            return ""
        try:
            status = self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            return ""
        said = self._process.stderr.read().decode(errors="replace")
        return f": QEMU ended with status {status}, {last_lines(said, 1)}".rstrip(", ")


def qemu_command(
    machine: Machine, *, control: int, qmp: int, screen: int, agent: int = -1
) -> list[str]:
    """QEMU's command line; the numbers are file descriptors of connected sockets."""
    screen_device = "virtconsole" if machine.tty else "virtserialport"
    arch = machine.arch
    command = [arch.qemu, *arch.board, "-nodefaults", "-no-user-config", "-display", "none"]
    # TCG, not KVM, so that a scenario runs alike everywhere. In one thread: when each CPU has
    # its own, QEMU 7.2 loses a kernel that patches its code (as attaching a probe does) to
    # an endless int3, in about half of the runs that do it under load.
    command += ["-accel", "tcg,thread=single", "-no-reboot"]
    command += [
        "-cpu",
        arch.cpu.replace("la57=off", "la57=on") if machine.five_levels else arch.cpu,
    ]
    command += ["-smp", str(machine.cpus), "-m", str(machine.memory_mb)]
    command += ["-kernel", str(machine.kernel), "-initrd", str(machine.initramfs)]
    arguments = f"console={arch.console} {KERNEL_ARGUMENTS} {machine.arguments}"
    command += ["-append", arguments.rstrip()]
    command += _memory_options(machine)
    command += ["-chardev", f"file,id=console,path={_option_value(machine.console)}"]
    command += ["-serial", "chardev:console"]
    command += ["-chardev", f"socket,id=qmp,fd={qmp}", "-mon", "chardev=qmp,mode=control"]
    command += ["-device", "virtio-serial-pci"]
    command += ["-chardev", f"socket,id=screen,fd={screen}"]
    command += ["-device", f"{screen_device},chardev=screen,name=screen"]
    command += ["-chardev", f"socket,id=control,fd={control}"]
    command += ["-device", "virtserialport,chardev=control,name=control"]
    trace = f"socket,fd={agent}" if machine.agent else f"file,path={_option_value(machine.trace)}"
    command += ["-chardev", f"{trace},id=trace"]
    command += ["-device", "virtserialport,chardev=trace,name=trace"]
    for disk in machine.disks:
        command += _disk_options(disk)
    return [*command, *machine.devices]


def _memory_options(machine: Machine) -> Sequence[str]:
    if machine.memory is None:
        return []
    path = _option_value(machine.memory)
    backend = f"memory-backend-file,id=ram,size={machine.memory_mb}M,mem-path={path},share=on"
    return ["-object", backend, "-machine", "memory-backend=ram"]


def _disk_options(disk: Disk) -> Sequence[str]:
    drive = f"if=none,id={_drive(disk.name)},format=raw,readonly=on"
    return [
        "-drive",
        f"{drive},file={_option_value(disk.image)}",
        "-device",
        f"virtio-blk-pci,id={disk.name},drive={_drive(disk.name)},serial={disk.name}",
    ]


def _drive(disk: str) -> str:
    # The throttle is the drive's. A virtio-blk-pci device is only a proxy that has no drive.
    return f"drive-{disk}"


def _option_value(path: Path) -> str:
    # QEMU splits options at commas; a doubled one stands for itself.
    return str(path).replace(",", ",,")


def _die_with_parent() -> Sequence[str]:
    """A prefix so that QEMU does not outlive a lab that is killed (util-linux: always there)."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []

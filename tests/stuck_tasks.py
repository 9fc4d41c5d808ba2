"""Real tasks of the running kernel, put into a chosen state and out of it again.

Everything here is a context manager that undoes what it did. What would leave a task that nobody
can kill (a frozen file system, a frozen cgroup) is undone even when this process is killed: a
guard waits for its end. Where a machine lacks what a state needs, the test is skipped.
"""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import functools
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

PROGRAMS = Path(__file__).parent / "programs"
SIGKILL_BIT = 1 << (signal.SIGKILL - 1)

# include/uapi/linux/fs.h
_FIFREEZE = 0xC0045877
_FITHAW = 0xC0045878

# include/uapi/linux/ptrace.h
_PTRACE_SEIZE = 0x4206
_PTRACE_INTERRUPT = 0x4207
_PTRACE_CONT = 7
_PTRACE_O_TRACEEXIT = 0x40

# A bound for what is broken, no expectation: a busy machine takes five times as long and more.
PATIENCE_S = 120.0
_GUARD_SECONDS = 900  # longer than any test keeps a thing frozen, on a busy machine too
_LIFETIME = "900"  # of sleepers, should nobody end them
_IMAGE_BYTES = 16 << 20

Result = TypeVar("Result")
Process = subprocess.Popen[bytes]


def wait_until(
    what: str, condition: Callable[[], Result | None], timeout_s: float = PATIENCE_S
) -> Result:
    """The condition's first true answer. Fails the test when there is none in time."""
    end = time.monotonic() + timeout_s
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            pytest.fail(f"not within {timeout_s:.0f} s: {what}")
        time.sleep(0.005)


# What /proc says of a task ----------------------------------------------------------------------


def status(tid: int) -> dict[str, str]:
    """/proc/TID/status; empty when there is no such thread."""
    try:
        lines = Path(f"/proc/{tid}/status").read_text(errors="replace").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def state(tid: int) -> str:
    """The letter of /proc/TID/status; empty when there is no such thread."""
    return status(tid).get("State", "")[:1]


def kernel_stack(tid: int) -> list[str]:
    """Functions in which the thread sleeps, innermost first."""
    try:
        lines = Path(f"/proc/{tid}/stack").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return []
    # "[<0>] percpu_rwsem_wait+0x116/0x140"
    return [line.split()[-1].partition("+")[0] for line in lines]


def threads(pid: int) -> list[int]:
    """Thread ids of a process, the leader first."""
    try:
        return sorted(int(name) for name in os.listdir(f"/proc/{pid}/task"))
    except FileNotFoundError:
        return []


def children(pid: int) -> list[int]:
    """Of the process's leader."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def has_sigkill(tid: int) -> bool:
    """Is SIGKILL pending, for the thread or its group?"""
    found = status(tid)
    return any(int(found.get(key, "0"), 16) & SIGKILL_BIT for key in ("SigPnd", "ShdPnd"))


def wait_for_state(tid: int, letters: str, function: str = "") -> None:
    """Until /proc gives the thread one of the letters (and it sleeps in that function)."""

    def reached() -> bool:
        return state(tid) in tuple(letters) and (not function or function in kernel_stack(tid))

    where = f" in {function}" if function else ""
    wait_until(f"thread {tid} in state {letters}{where}", reached)


def kill(pid: int) -> None:
    """SIGKILL, and wait until it is pending or has done its work."""
    os.kill(pid, signal.SIGKILL)
    wait_until(f"{pid} has SIGKILL", lambda: has_sigkill(pid) or state(pid) in ("", "Z", "X"))


# Programs ---------------------------------------------------------------------------------------


@functools.cache
def _build_folder() -> Path:
    folder = tempfile.mkdtemp(prefix="ktrace-test-programs-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@functools.cache
def compiled(name: str) -> Path:
    """The program tests/programs/NAME.c, compiled once."""
    if not shutil.which("gcc"):
        pytest.skip("gcc is not installed")
    target = _build_folder() / name
    source = PROGRAMS / f"{name}.c"
    command = ["gcc", "-O1", "-Wall", "-Werror", "-pthread", "-o", str(target), str(source)]
    subprocess.run(command, check=True)
    return target


def end(process: Process) -> int:
    """Kill it, unless it has ended, and reap it."""
    process.kill()
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()
    return process.wait(PATIENCE_S)


@contextmanager
def program(name: str, *arguments: object) -> Iterator[Process]:
    """A program of tests/programs with pipes to its standard input and output."""
    command = [str(compiled(name)), *map(str, arguments)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        end(process)


@contextmanager
def ready_program(name: str, *arguments: object) -> Iterator[Process]:
    """One that has said "ready"."""
    with program(name, *arguments) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        yield process


@contextmanager
def sleeper() -> Iterator[Process]:
    """A process in an ordinary, interruptible sleep."""
    process = subprocess.Popen(["sleep", _LIFETIME])
    try:
        wait_for_state(process.pid, "S")
        yield process
    finally:
        end(process)


@contextmanager
def _guard(script: str, *arguments: str) -> Iterator[None]:
    """Runs the shell script at the end of the block, of this process, or after some time."""
    text = f"timeout {_GUARD_SECONDS} cat >/dev/null\n{script}"
    # A session of its own: Ctrl-C is for the tests, the guard comes after them.
    guard = subprocess.Popen(
        ["sh", "-c", text, "guard", *arguments],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        assert guard.stdin
        guard.stdin.close()
        guard.wait(PATIENCE_S)


# A frozen file system ---------------------------------------------------------------------------


@dataclass
class FileSystem:
    """A small ext4 that can be frozen. Its tasks are ended when it goes."""

    folder: Path
    _tasks: ExitStack
    _files: int = field(default=0)

    def freeze(self) -> None:
        self._ioctl(_FIFREEZE)

    def thaw(self) -> None:
        self._ioctl(_FITHAW)

    def writer(self) -> Process:
        """A process asleep in write() to the frozen file system; SIGKILL does not wake it."""
        process = self._start("stuck_write")
        wait_for_state(process.pid, "D", "vfs_write")
        return process

    def thread_writer(self, leader_exits: bool) -> tuple[Process, int]:
        """A process and the id of its thread that is asleep in write(). The leader is a zombie,
        or waits interruptibly for the thread."""
        process = self._start("stuck_write", "leader-exits" if leader_exits else "leader-waits")
        thread = wait_until(f"{process.pid} has two threads", lambda: threads(process.pid)[1:])[0]
        wait_for_state(thread, "D", "vfs_write")
        wait_for_state(process.pid, "Z" if leader_exits else "S")
        return process, thread

    def queue(self) -> tuple[Process, Process]:
        """Two processes that share an open file. The first is asleep in write() and holds the
        file's position; the second waits for it in mutex_lock() (fdget_pos(), fs/file.c)."""
        # No file object: it would look for its position, and wait, too.
        descriptor = os.open(self._file(), os.O_WRONLY)
        try:
            return self._echo(descriptor), self._echo(descriptor)
        finally:
            os.close(descriptor)

    def pid_namespace(self) -> tuple[int, int]:
        """The init of a PID namespace, and its child, which is asleep in write()."""
        script = f"(echo x >{self._file()}) & wait"
        process = subprocess.Popen(["unshare", "--pid", "--fork", "sh", "-c", script])
        self._tasks.callback(end, process)
        (init,) = wait_until("an init", lambda: children(process.pid))
        (writer,) = wait_until("its child", lambda: children(init))
        wait_for_state(writer, "D")
        return init, writer

    def _echo(self, file: int) -> Process:
        process = subprocess.Popen(["sh", "-c", "echo x"], stdout=file)
        self._tasks.callback(end, process)
        wait_for_state(process.pid, "D")
        return process

    def eater(self, mebibytes: int) -> tuple[Process, int]:
        """A process that takes memory when a line comes to its standard input, and the id of its
        thread that is asleep in write()."""
        process = self._tasks.enter_context(program("eat_memory", mebibytes, self._file()))
        thread = wait_until(f"{process.pid} has two threads", lambda: threads(process.pid)[1:])[0]
        wait_for_state(thread, "D", "vfs_write")
        return process, thread

    def spinner(self, gibibytes: int = 8 << 10) -> Process:
        """A process that runs in the kernel for a second or so, without looking for signals, and
        then sleeps there uninterruptibly while the file system is frozen."""
        return self._tasks.enter_context(spinning_in_kernel(gibibytes, self._file()))

    def block_device(self) -> Path:
        """A loop device whose backing file is in the file system. When that is frozen, writes to
        the device do not end."""
        command = ["losetup", "--find", "--show", self._file()]
        found = Path(
            subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        )
        self._tasks.callback(subprocess.run, ["losetup", "--detach", found], check=True)
        return found

    def file_on(self, device: Path) -> Path:
        """A file of a file system on such a device, with its blocks."""
        folder = self.folder.with_name("on-device")
        folder.mkdir()
        options = ["-O", "^has_journal", "-E", "lazy_itable_init=0,nodiscard"]
        subprocess.run(["mkfs.ext4", "-q", "-F", *options, str(device)], check=True)
        subprocess.run(["mount", str(device), str(folder)], check=True)
        self._tasks.callback(subprocess.run, ["umount", str(folder)], check=True)
        file = folder / "file"
        file.write_bytes(bytes(1 << 20))
        os.sync()
        return file

    def writer_to(self, how: str, target: Path | None = None) -> Process:
        """A process that has begun to write to it, or to a file of the file system, as
        programs/async_io.c does it."""
        return self._tasks.enter_context(ready_program("async_io", how, target or self._file()))

    def _start(self, name: str, *arguments: str) -> Process:
        return self._tasks.enter_context(program(name, self._file(), *arguments))

    def _file(self) -> Path:
        self._files = self._files % _FILES + 1
        return self.folder / f"file{self._files}"

    def _ioctl(self, request: int) -> None:
        fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(fd, request, 0)
        finally:
            os.close(fd)


_FILES = 8


@contextmanager
def file_system() -> Iterator[FileSystem]:
    """A small ext4 on a loop device, not frozen yet."""
    for tool in ("mkfs.ext4", "mount", "umount", "fsfreeze"):
        if not shutil.which(tool):
            pytest.skip(f"{tool} is not installed")
    with tempfile.TemporaryDirectory(prefix="ktrace-test-") as folder:
        image, target = Path(folder, "image"), Path(folder, "mounted")
        target.mkdir()
        _make_image(image)
        # The tasks end after the thaw, the guard unmounts after them.
        with _guard(_UNMOUNT, str(target)):
            _mount(image, target)
            with ExitStack() as tasks:
                found = FileSystem(target, tasks)
                try:
                    yield found
                finally:
                    _thaw_if_frozen(found)


# fsfreeze fails where nothing is frozen, umount while the last of the tasks is still exiting
_UNMOUNT = 'fsfreeze -u "$1"; for i in $(seq 600); do umount "$1" && break; sleep 0.1; done'


def _make_image(image: Path) -> None:
    with image.open("wb") as file:
        file.truncate(_IMAGE_BYTES)
    # Nothing of ext4's own shall wait for the thaw: no journal, no inode tables left to write.
    options = ["-O", "^has_journal", "-E", "lazy_itable_init=0,nodiscard"]
    subprocess.run(["mkfs.ext4", "-q", "-F", *options, str(image)], check=True)


def _mount(image: Path, target: Path) -> None:
    # mount's own loop devices go with the mount
    command = ["mount", "-t", "ext4", "-o", "loop", str(image), str(target)]
    mounted = subprocess.run(command, capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"ext4 on a loop device cannot be mounted: {mounted.stderr.strip()}")
    for number in range(1, _FILES + 1):
        with (target / f"file{number}").open("wb") as file:
            file.truncate(4 << 20)  # a hole


def _thaw_if_frozen(frozen: FileSystem) -> None:
    try:
        frozen.thaw()
    except OSError:
        pass  # EINVAL: it is not frozen


@contextmanager
def frozen_file_system() -> Iterator[FileSystem]:
    """A small ext4 that is frozen (FIFREEZE) until thaw(), or the end of the block."""
    with file_system() as found:
        found.freeze()
        yield found


@contextmanager
def stuck_commit() -> Iterator[Process]:
    """A process that waits in fsync() for the journal of an ext4 whose device is a file of a frozen
    file system."""
    with frozen_journal() as (outer, folder):
        outer.freeze()
        # of a folder: a file's own pages would be waited for first
        script = "import os, sys; os.mkdir(sys.argv[1] + '/new'); os.fsync(os.open(sys.argv[1], 0))"
        process = subprocess.Popen([sys.executable, "-c", script, str(folder)])
        try:
            wait_for_state(process.pid, "D", "jbd2_log_wait_commit")
            yield process
        finally:
            outer.thaw()
            end(process)


@contextmanager
def frozen_journal() -> Iterator[tuple[FileSystem, Path]]:
    """A file system that can be frozen, and where an ext4 with a journal, of one of its files, is
    mounted."""
    with file_system() as outer, tempfile.TemporaryDirectory(prefix="ktrace-test-") as folder:
        image, target = outer.folder / "image", Path(folder)
        image.write_bytes(bytes(_IMAGE_BYTES // 2))  # no hole: a write shall not allocate
        subprocess.run(["mkfs.ext4", "-q", "-F", "-J", "size=1", str(image)], check=True)
        with _guard(_UNMOUNT, str(target)):
            _mount(image, target)
            yield outer, target


# FUSE -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FuseRequest:
    """process: in stat() of a FUSE file system; server: has read the request, does not answer, and
    waits for its standard input; connection: the number."""

    process: Process
    server: Process
    connection: int


@contextmanager
def unanswered_fuse_request(
    read_from: int = subprocess.PIPE, function: str = "pipe_read"
) -> Iterator[FuseRequest]:
    """The end of the server aborts the connection. read_from: what its standard input is, and the
    function in which it waits there."""
    if not Path("/dev/fuse").exists():
        pytest.skip("this machine has no /dev/fuse")
    with tempfile.TemporaryDirectory(prefix="ktrace-test-") as folder:
        command = [sys.executable, str(PROGRAMS / "fuse_server.py"), folder]
        server = subprocess.Popen(command, stdin=read_from, stdout=subprocess.PIPE)
        process = None
        try:
            assert server.stdout
            number = server.stdout.readline()
            if not number:
                pytest.skip("FUSE cannot be mounted")
            process = subprocess.Popen(["stat", folder], stdout=subprocess.DEVNULL)
            assert server.stdout.readline() == b"asked\n"
            wait_until("the server reads", lambda: function in str(kernel_stack(server.pid)))
            yield FuseRequest(process, server, int(number))
        finally:
            end(server)
            ctypes.CDLL(None).umount2(folder.encode(), _MNT_DETACH)
            if process:
                end(process)


_MNT_DETACH = 2  # include/linux/fs.h


# fanotify ---------------------------------------------------------------------------------------

# include/uapi/linux/fanotify.h
_FAN_CLASS_CONTENT, _FAN_MARK_ADD, _FAN_OPEN_PERM = 4, 1, 0x10000
_AT_FDCWD = -100


@contextmanager
def unanswered_fanotify_events(read: bool, *files: Path) -> Iterator[list[Process]]:
    """For each file a process that opens it, and waits for the permission of this process, which
    has read the events or not. Closing the listener's descriptor allows them."""
    libc = ctypes.CDLL(None, use_errno=True)
    listener = libc.fanotify_init(_FAN_CLASS_CONTENT, os.O_RDONLY)
    if listener < 0:
        pytest.skip(f"fanotify is refused: {os.strerror(ctypes.get_errno())}")
    events: list[int] = []
    processes: list[Process] = []
    try:
        for file in files:
            mask, path = ctypes.c_uint64(_FAN_OPEN_PERM), str(file).encode()
            if libc.fanotify_mark(listener, _FAN_MARK_ADD, mask, _AT_FDCWD, path):
                pytest.skip(f"fanotify is refused: {os.strerror(ctypes.get_errno())}")
            processes.append(subprocess.Popen(["cat", str(file)], stdout=subprocess.DEVNULL))
            wait_for_state(processes[-1].pid, "D")
            if read:
                events.append(struct.unpack_from("=IBBHQiI", os.read(listener, 4096))[5])
        yield processes
    finally:
        for descriptor in (listener, *events):
            os.close(descriptor)
        for process in processes:
            end(process)


# A network device ------------------------------------------------------------------------------


@contextmanager
def network_device_in_use() -> Iterator[tuple[Process, str]]:
    """A process that removes a network device to which another one is about to send, which holds a
    reference until it ends; and the device's name."""
    if not shutil.which("ip"):
        pytest.skip("ip is not installed")
    name = f"kt{os.getpid() % 100_000}"
    command = ["ip", "link", "add", name, "type", "veth", "peer", "name", f"{name}p"]
    made = subprocess.run(command, capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no veth device can be made: {made.stderr.strip()}")
    remover = None
    try:
        for end_of_pair in (name, f"{name}p"):
            subprocess.run(["ip", "link", "set", end_of_pair, "up"], check=True)
        with ready_program("hold_device", name) as sender:
            wait_until("it sends", lambda: "packet_sendmsg" in kernel_stack(sender.pid))
            remover = subprocess.Popen(["ip", "link", "del", name])
            wait_until("it waits", lambda: "netdev_run_todo" in kernel_stack(remover.pid))
            yield remover, name
    finally:
        if remover:
            remover.wait(PATIENCE_S)
        else:
            subprocess.run(["ip", "link", "del", name])


# Other states -----------------------------------------------------------------------------------


@contextmanager
def killable_sleeper() -> Iterator[Process]:
    """A process in TASK_KILLABLE: D in /proc, yet SIGKILL ends it. It waits for its vfork child."""
    with program("vfork_wait") as process:
        wait_for_state(process.pid, "D")
        yield process


@contextmanager
def stopped() -> Iterator[Process]:
    """A process stopped by SIGSTOP."""
    with sleeper() as process:
        os.kill(process.pid, signal.SIGSTOP)
        wait_for_state(process.pid, "T")
        yield process


@contextmanager
def traced() -> Iterator[Process]:
    """A process stopped by its tracer, which is this thread."""
    with sleeper() as process:
        trace(process)
        yield process


def trace(process: Process) -> None:
    """Stop it, with this thread as its tracer."""
    _ptrace(_PTRACE_SEIZE, process.pid)
    _ptrace(_PTRACE_INTERRUPT, process.pid)
    # Take the news of the stop, or Popen takes it for the news of the end.
    os.waitpid(process.pid, 0)
    wait_for_state(process.pid, "t")


@contextmanager
def stopped_at_exit(process: Process) -> Iterator[None]:
    """A process that ends, and that this thread, its tracer, has stopped on its way out."""
    _ptrace(_PTRACE_SEIZE, process.pid, _PTRACE_O_TRACEEXIT)
    process.terminate()
    for event in (signal.SIGTERM, signal.SIGTRAP):
        _, status_word = os.waitpid(process.pid, 0)
        assert os.WSTOPSIG(status_word) == event
        if event == signal.SIGTERM:
            _ptrace(_PTRACE_CONT, process.pid, signal.SIGTERM)
    wait_for_state(process.pid, "t", "ptrace_stop")
    try:
        yield
    finally:
        _ptrace(_PTRACE_CONT, process.pid)


def _ptrace(request: int, pid: int, data: int = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(request, pid, None, ctypes.c_void_p(data)):
        pytest.skip(f"ptrace is refused: {os.strerror(ctypes.get_errno())}")


@contextmanager
def zombie(killed: bool = True) -> Iterator[Process]:
    """A dead process that nobody has reaped: killed, or ended by itself."""
    process = subprocess.Popen(["sleep", _LIFETIME] if killed else ["true"])
    try:
        if killed:
            process.kill()
        wait_for_state(process.pid, "Z")
        yield process
    finally:
        end(process)


@contextmanager
def spinning_in_kernel(gibibytes: int = 16 << 10, *file: Path) -> Iterator[Process]:
    """A process that runs in the kernel without looking for signals, for a few seconds."""
    with ready_program("spin_in_kernel", gibibytes, *file) as process:
        # It has said "ready" just before the system call.
        before = _kernel_ticks(process.pid)
        wait_until("it spins", lambda: _kernel_ticks(process.pid) > before + 1)
        yield process


def _kernel_ticks(pid: int) -> int:
    """Time in the kernel: stime of /proc/PID/stat (proc(5)), behind the parenthesised comm."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[12])


@contextmanager
def entered(init: int) -> Iterator[tuple[Process, int]]:
    """A stopped process outside of a PID namespace, and its child in it."""
    outside = subprocess.Popen(
        ["nsenter", "--pid", "--target", str(init), "--", "sleep", _LIFETIME]
    )
    try:
        (inside,) = wait_until("its child", lambda: children(outside.pid))
        wait_until("sleep runs", lambda: status(inside).get("Name") == "sleep")
        outside.send_signal(signal.SIGSTOP)
        wait_for_state(outside.pid, "T")
        yield outside, inside
    finally:
        end(outside)


# Cgroups ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cgroup:
    """A cgroup of the test's own."""

    folder: Path
    version: int

    def add(self, pid: int) -> None:
        self.write("cgroup.procs", str(pid))

    def write(self, name: str, value: str) -> None:
        (self.folder / name).write_text(value)

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()


@dataclass(frozen=True)
class FrozenTask:
    """A process in a frozen cgroup. Version 1: SIGKILL ends it only after the thaw."""

    process: Process
    cgroup: Cgroup

    def freeze(self) -> None:
        name, value, _ = _FREEZER[self.cgroup.version]
        self.cgroup.write(name, value)

        def is_frozen() -> bool:
            if self.cgroup.version == 1:
                return self.cgroup.read(name).strip() == "FROZEN"
            return "frozen 1" in self.cgroup.read("cgroup.events")

        wait_until(f"{self.cgroup.folder} is frozen", is_frozen)

    def thaw(self) -> None:
        name, _, value = _FREEZER[self.cgroup.version]
        self.cgroup.write(name, value)


# version -> file, what freezes, what thaws
_FREEZER = {1: ("freezer.state", "FROZEN", "THAWED"), 2: ("cgroup.freeze", "1", "0")}


@contextmanager
def frozen_by_cgroup(version: int) -> Iterator[FrozenTask]:
    """A process, asleep interruptibly before, frozen by a cgroup of that version."""
    with sleeper() as process, frozen_in_cgroup(process, version) as task:
        yield task


@contextmanager
def frozen_in_cgroup(process: Process, version: int) -> Iterator[FrozenTask]:
    """Moves it to a cgroup of its own, which is frozen. It has to end before the block does."""
    name, _, value = _FREEZER[version]
    with (
        _cgroup("freezer", version, needs=name) as cgroup,
        ExitStack() as ending,
        _guard('echo "$1" >"$2"', value, str(cgroup.folder / name)),
    ):
        ending.callback(end, process)
        cgroup.add(process.pid)
        task = FrozenTask(process, cgroup)
        task.freeze()
        yield task


@contextmanager
def memory_cgroup(limit: int) -> Iterator[Cgroup]:
    """A memory cgroup with a limit in bytes, of whichever version this machine has."""
    versions = {1: "memory.limit_in_bytes", 2: "memory.max"}
    version = 1 if _cgroup_mount("memory", 1) else 2
    with _cgroup("memory", version, needs=versions[version]) as cgroup:
        cgroup.write(versions[version], str(limit))
        yield cgroup


@contextmanager
def throttled(process: Process) -> Iterator[Cgroup]:
    """The process runs for a millisecond of each second, as its cgroup's limit says."""
    version = 1 if _cgroup_mount("cpu", 1) else 2
    with (
        _cgroup("cpu", version, needs="cpu.cfs_quota_us" if version == 1 else "cpu.max") as cgroup,
        ExitStack() as ending,
    ):
        ending.callback(end, process)
        if version == 1:
            cgroup.write("cpu.cfs_period_us", "1000000")
            cgroup.write("cpu.cfs_quota_us", "1000")
        else:
            cgroup.write("cpu.max", "1000 1000000")
        cgroup.add(process.pid)
        stat = cgroup.folder / "cpu.stat"
        wait_until("it is throttled", lambda: "nr_throttled 0\n" not in stat.read_text())
        yield cgroup


@dataclass
class LimitedIo:
    """A cgroup that may hardly do any I/O to a device."""

    cgroup: Cgroup
    _tasks: ExitStack

    def run(self, *command: object) -> Process:
        """It is in the cgroup from its start on, and asleep in D now."""
        script = 'echo $$ >"$0"; exec "$@"'
        arguments = [str(self.cgroup.folder / "cgroup.procs"), *map(str, command)]
        process = subprocess.Popen(["sh", "-c", script, *arguments], stdout=subprocess.DEVNULL)
        self._tasks.callback(end, process)
        name = Path(str(command[0])).name
        wait_until(f"{name} runs", lambda: status(process.pid).get("Name") == name)
        wait_for_state(process.pid, "D")
        return process


@contextmanager
def io_limited(number: int, direction: str) -> Iterator[LimitedIo]:
    """A cgroup that may "read" or "write" one byte a second of the device, until the block ends."""
    version = 1 if _cgroup_mount("blkio", 1) else 2
    name, limit, lifted = {
        1: (f"blkio.throttle.{direction}_bps_device", "1", "0"),
        2: ("io.max", f"{direction[0]}bps=1", f"{direction[0]}bps=max"),
    }[version]
    device = f"{os.major(number)}:{os.minor(number)}"
    with (
        _cgroup("blkio", version, needs=name) as cgroup,
        ExitStack() as tasks,
        _guard('echo "$1" >"$2"', f"{device} {lifted}", str(cgroup.folder / name)),
    ):
        cgroup.write(name, f"{device} {limit}")
        yield LimitedIo(cgroup, tasks)


def _cgroup_mount(controller: str, version: int) -> Path | None:
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, target, kind, options, *_ = line.split()
        if version == 1 and kind == "cgroup" and controller in options.split(","):
            return Path(target)
        if version == 2 and kind == "cgroup2":
            return Path(target)
    return None


@contextmanager
def _cgroup(controller: str, version: int, needs: str) -> Iterator[Cgroup]:
    mount = _cgroup_mount(controller, version)
    if mount is None:
        pytest.skip(f"no cgroup v{version} with the controller {controller} is mounted")
    folder = mount / f"ktrace-test-{os.getpid()}-{controller}"
    folder.mkdir()
    try:
        if not (folder / needs).exists():
            pytest.skip(f"{folder.parent} offers no {needs}")
        yield Cgroup(folder, version)
    finally:
        wait_until(f"{folder} is empty", lambda: not (folder / "cgroup.procs").read_text())
        folder.rmdir()

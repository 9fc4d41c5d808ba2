"""A small ext4 that is frozen and thawed, and the tasks that wait for it."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.stuck_tasks.proc import children, threads, wait_for_state, wait_until
from tests.stuck_tasks.programs import Process, end, guard, program, ready_program
from tests.stuck_tasks.states import spinning_in_kernel

# include/uapi/linux/fs.h
_FIFREEZE = 0xC0045877
_FITHAW = 0xC0045878

IMAGE_BYTES = 16 << 20
_FILES = 8


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
        with guard(UNMOUNT, str(target)):
            mount(image, target)
            with ExitStack() as tasks:
                found = FileSystem(target, tasks)
                try:
                    yield found
                finally:
                    _thaw_if_frozen(found)


# fsfreeze fails where nothing is frozen, umount while the last of the tasks is still exiting
UNMOUNT = 'fsfreeze -u "$1"; for i in $(seq 600); do umount "$1" && break; sleep 0.1; done'


def _make_image(image: Path) -> None:
    with image.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    # Nothing of ext4's own shall wait for the thaw: no journal, no inode tables left to write.
    options = ["-O", "^has_journal", "-E", "lazy_itable_init=0,nodiscard"]
    subprocess.run(["mkfs.ext4", "-q", "-F", *options, str(image)], check=True)


def mount(image: Path, target: Path) -> None:
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

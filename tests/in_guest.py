"""The kernel tests on another kernel: `python -m tests.in_guest SUITE [PYTEST ARGUMENT...]`; or
anything else of Python: `python -m tests.in_guest SUITE -- -m benchmarks.soak 6`.

Boots the kernel of a suite of Debian ("own": the machine's) on this machine's own files, which
virtiofsd shares and an overlay in the guest's memory covers, so that nothing here is changed; then
runs it there. Exits as that does. Root, QEMU, and `make venv bpf deps-lab` beforehand.

A test that needs what the guest lacks is skipped there, with its reason.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ktrace.lab.build.cpio import Archive
from ktrace.lab.build.modules import ModuleTree
from ktrace.lab.build.packages import Kernel, debian_kernel
from ktrace.lab.cache import cache_dir
from ktrace.lab.guest.guest import KERNEL_ARGUMENTS
from ktrace.lab.tools import find_tool

ROOT = Path(__file__).parents[1]
VIRTIOFSD = "/usr/lib/qemu/virtiofsd"  # of qemu-system-common
MODULES = ("virtio_pci", "virtiofs", "overlay", "loop", "veth", "squashfs", "dm_mod")
MEMORY_MB = 1536
_DIES_WITH_THIS = ("setpriv", "--pdeathsig", "KILL")
_EXIT = "in_guest: exit status "
_INIT = r"""#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
/bin/busybox --install -s /bin
mount -t proc proc /proc
while read -r module; do insmod "/modules/$module.ko"; done </modules/order
mount -t virtiofs -o ro root /host
mount -t tmpfs -o size=80% tmpfs /upper
mkdir /upper/files /upper/work
mount -t overlay -o lowerdir=/host,upperdir=/upper/files,workdir=/upper/work overlay /new
mount -t proc proc /new/proc
mount -t sysfs sys /new/sys
mount -t tracefs tracefs /new/sys/kernel/tracing
mount -t cgroup2 cgroup2 /new/sys/fs/cgroup
mount -t bpf bpf /new/sys/fs/bpf
mount -t devtmpfs dev /new/dev
for folder in @FOLDERS@; do mkdir -p /new/$folder; mount -t tmpfs tmpfs /new/$folder; done
mkdir /new/run/freezer && mount -t cgroup -o freezer cgroup /new/run/freezer
ip link set lo up
echo "+cpu +memory +io" >/new/sys/fs/cgroup/cgroup.subtree_control
chroot /new /bin/sh -c "$(cat /run-tests)" 2>&1
poweroff -f
"""


def initramfs(kernel: Kernel, run: str) -> bytes:
    """Drivers, what mounts the machine's files, and what runs on them."""
    archive = Archive()
    for folder in ("bin", "dev", "proc", "modules", "host", "upper", "new"):
        archive.directory(folder)
    archive.file("bin/busybox", Path(find_tool("busybox")).read_bytes(), mode=0o755)
    modules = ModuleTree(kernel.modules)
    order = modules.load_order(MODULES)
    for name in order:
        archive.file(f"modules/{name}.ko", modules.content(name))
    archive.file("modules/order", "".join(f"{name}\n" for name in order).encode())
    archive.file("run-tests", run.encode())
    # a tree below /tmp must not be covered
    folders = "run dev/shm" if ROOT.is_relative_to("/tmp") else "run dev/shm tmp"
    archive.file("init", _INIT.replace("@FOLDERS@", folders).encode(), mode=0o755)
    return archive.data()


def script(arguments: Sequence[str]) -> str:
    """What the guest runs on the machine's files."""
    pytest = ("-m", "pytest", "-p", "no:cacheprovider", "-q", "-m", "kernel", *arguments)
    command = shlex.join(arguments[1:] if arguments[:1] == ("--",) else pytest)
    return (
        f"export HOME=/run LANG=C.UTF-8 PATH={shlex.quote(os.environ['PATH'])}\n"
        f"cd {shlex.quote(str(ROOT))} && {shlex.quote(sys.executable)} {command}\n"
        f'echo "{_EXIT}$?"\n'
    )


@contextmanager
def shared_root(folder: Path) -> Iterator[Path]:
    """virtiofsd's socket."""
    socket = folder / "root"
    command = [VIRTIOFSD, f"--socket-path={socket}", "-o", "source=/", "-o", "cache=always"]
    command += ["-o", "sandbox=chroot"]  # it cannot pivot to what is the root already
    with (folder / "virtiofsd.log").open("wb") as log:
        process = subprocess.Popen([*_DIES_WITH_THIS, *command], stdout=log, stderr=log)
    try:
        yield socket
    finally:
        process.kill()
        process.wait()


def qemu(kernel: Kernel, initrd: Path, socket: Path) -> list[str]:
    memory = f"memory-backend-memfd,id=ram,size={MEMORY_MB}M,share=on"
    return [
        *("qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none"),
        # one thread, no cmpxchg16b: as the lab has it, for its reasons (lab/guest/guest.py)
        *("-accel", "tcg,thread=single", "-cpu", "max,la57=off,cx16=off", "-smp", "2"),
        *("-m", str(MEMORY_MB), "-object", memory, "-machine", "memory-backend=ram"),
        *("-kernel", str(kernel.image), "-initrd", str(initrd), "-no-reboot"),
        *("-append", f"console=ttyS0 {KERNEL_ARGUMENTS}", "-serial", "stdio"),
        *("-chardev", f"socket,id=root,path={socket}"),
        *("-device", "vhost-user-fs-pci,chardev=root,tag=root"),
    ]


def main(suite: str, *arguments: str) -> int:
    kernel = debian_kernel(cache_dir(), suite="" if suite == "own" else suite)
    status = None
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "initrd").write_bytes(initramfs(kernel, script(arguments)))
        with shared_root(folder) as socket:
            command = qemu(kernel, folder / "initrd", socket)
            guest = subprocess.Popen(
                [*_DIES_WITH_THIS, *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                text=True,
                errors="replace",
            )
            assert guest.stdout
            for line in guest.stdout:
                found = re.match(f"{_EXIT}([0-9]+)", line)
                status = int(found[1]) if found else status
                print(line, end="", flush=True)
            guest.wait()
    if status is None:
        print(f"in_guest: the guest of {kernel.release} ended before its tests", file=sys.stderr)
    return 4 if status is None else status


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))

"""Running the host's tools: one place that says which Debian package a missing one is in."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ktrace.errors import CannotTrace
from ktrace.lab.errors import LabError

DEBIAN_PACKAGE = {
    "apt-cache": "apt",
    "apt-get": "apt",
    "busybox": "busybox-static",
    "dpkg-deb": "dpkg",
    "gcc": "gcc and libc6-dev",
    "ldd": "libc-bin",
    "make": "make",
    "mke2fs": "e2fsprogs",
    "mksquashfs": "squashfs-tools",
    "qemu-system-x86_64": "qemu-system-x86",
}
# only for guests of another architecture
OTHER_ARCH_PACKAGE = {
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu and libc6-dev-arm64-cross",
    "arm-linux-gnueabihf-gcc": "gcc-arm-linux-gnueabihf and libc6-dev-armhf-cross",
    "qemu-system-aarch64": "qemu-system-arm",
    "qemu-system-arm": "qemu-system-arm",
    "x86_64-linux-gnu-gcc": "gcc-x86-64-linux-gnu and libc6-dev-amd64-cross",
}
DETAIL_LINES = 20


def find_tool(name: str) -> str:
    """The tool's path; /sbin too, which is not in everybody's PATH on Debian."""
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
    path = shutil.which(name, path=search)
    if path is None:
        package = (DEBIAN_PACKAGE | OTHER_ARCH_PACKAGE).get(name, name)
        raise CannotTrace(f"the lab needs {name}", hint=f"Debian has it in: {package}")
    return path


def run_tool(argv: Sequence[str], *, timeout: float, cwd: Path | None = None) -> str:
    """Run a tool to its end and return its stdout; its stderr becomes the error's details."""
    command = [find_tool(argv[0]), *argv[1:]]
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
        )
    except subprocess.TimeoutExpired:
        raise LabError(f"{argv[0]} took more than {timeout:.0f} s and was ended") from None
    if done.returncode != 0:
        said = last_lines(done.stderr or done.stdout, DETAIL_LINES)
        raise LabError(f"{argv[0]} failed with status {done.returncode}", details=said)
    return done.stdout


def last_lines(text: str, count: int) -> str:
    """The last lines of `text` that are not blank."""
    return "\n".join([line for line in text.splitlines() if line.strip()][-count:])

"""The machine that is measured: its description, what has to be mounted, programs to run."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "bench"
KTRACE = (sys.executable, "-m", "ktrace")
_CPUS = sorted(os.sched_getaffinity(0))
LOAD_CPU, OTHERS_CPU = _CPUS[-1], _CPUS[0]
_TRACEFS = "/sys/kernel/tracing"
_PRIVATE = "KTRACE_BENCH_MOUNTS"  # set in the mount namespace


def enter_own_mounts() -> None:
    """tracefs, which bpftrace and perf want, and the squashfs are mounted for the suite alone."""
    if os.environ.get(_PRIVATE):
        return
    os.environ[_PRIVATE] = "1"
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed ktrace has its bytecode
    script = f'mount -t tracefs tracefs {_TRACEFS} 2>/dev/null; exec "$@"'
    again = [sys.executable, "-m", "benchmarks.suite", *sys.argv[1:]]
    os.execvp("unshare", ["unshare", "--mount", "sh", "-c", script, "sh", *again])


def load_program() -> Path:
    """Compiled."""
    program = FOLDER / "load"
    source = Path(__file__).with_name("load.c")
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        FOLDER.mkdir(parents=True, exist_ok=True)
        subprocess.run(["gcc", "-O2", "-pthread", "-o", program, source], check=True)
    return program


def squashfs_file() -> Path | None:
    """A file of 32 MB on a squashfs behind a loop device; None where that cannot be mounted."""
    mount, image, content = FOLDER / "squashfs", FOLDER / "image", FOLDER / "content"
    if not image.exists():
        content.mkdir(exist_ok=True)
        words = b" ".join(b"%d" % (n * 2654435761 % 1000003) for n in range(1 << 19))
        (content / "file").write_bytes((words * 10)[: 32 << 20])
        made = subprocess.run(["mksquashfs", content, image, "-quiet", "-noappend"])
        if made.returncode:
            return None
    mount.mkdir(exist_ok=True)
    if not mount.is_mount():
        command = ["mount", "-t", "squashfs", "-o", "loop,ro", image, mount]
        if subprocess.run(command, capture_output=True).returncode:
            return None
    return mount / "file"


def description() -> dict[str, str]:
    kernel = os.uname()
    with open("/proc/cpuinfo") as file:
        models = [line.partition(":")[2].strip() for line in file if line.startswith("model name")]
    with open("/proc/meminfo") as file:
        kib = int(file.readline().split()[1])
    return {
        "kernel": f"Linux {kernel.release} {kernel.machine}",
        "processor": f"{len(models)} CPUs, {models[0] if models else '?'}{_virtual()}",
        "memory": f"{kib / (1 << 20):.0f} GiB",
        "python": sys.version.split()[0],
        "bpftrace": _first_line("bpftrace", "--version"),
        "perf": _first_line("perf", "--version"),
    }


def commit() -> str:
    """Of ktrace's own tree; empty outside of one."""
    return _first_line("git", "-C", str(ROOT), "rev-parse", "HEAD")


def load_average() -> float:
    """Of the last minute: what else the machine does."""
    return os.getloadavg()[0]


def _virtual() -> str:
    with open("/proc/cpuinfo") as file:
        return " (a virtual machine)" if " hypervisor " in file.read() else ""


def _first_line(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.split("\n")[0]
    except OSError:
        return "not installed"

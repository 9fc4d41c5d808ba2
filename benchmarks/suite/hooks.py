"""When the last hook of a tool is in, by one mark for all: its system calls that attach, as strace
sees them. seccomp stops a tool at these calls alone, so that others take what they always take."""

import re
import shutil
import subprocess
from collections.abc import Iterable

from benchmarks.suite.contenders import Contender
from benchmarks.suite.machine import FOLDER

_CALLS = "bpf,perf_event_open,ioctl,execve"
_ATTACHES = re.compile(
    r"BPF_RAW_TRACEPOINT_OPEN|BPF_LINK_CREATE|BPF_PROG_ATTACH|perf_event_open\("
    r"|PERF_EVENT_IOC_(?:SET_BPF|SET_FILTER|ENABLE)"
)
_COMMAND = "/bin/true"
_PATIENCE_S = 60.0


def seconds(contender: Contender) -> float | None:
    """From the execve() of the tool to its last such call before COMMAND's. None: strace saw
    none."""
    folder = FOLDER / "hooks"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    calls = folder / "calls"
    strace = ["strace", "--seccomp-bpf", "-f", "-ttt", "-e", f"trace={_CALLS}", "-o", str(calls)]
    command = [*strace, *contender.behind_it(folder, _COMMAND)]
    try:
        subprocess.run(command, capture_output=True, cwd=folder, timeout=_PATIENCE_S)
        return last_hook(calls.read_text(errors="replace").splitlines())
    except (OSError, subprocess.TimeoutExpired):
        return None


def last_hook(calls: Iterable[str]) -> float | None:
    """Of lines like "9747  1795878167.170896 ioctl(9, PERF_EVENT_IOC_ENABLE, 0) = 0"."""
    begun = last = None
    for line in calls:
        _, at, call = line.split(None, 2)
        if begun is None:
            begun = float(at)
        elif f'execve("{_COMMAND}"' in call:
            break
        elif _ATTACHES.search(call):
            last = float(at)
    return None if begun is None or last is None else last - begun

"""A request to an RPC server, of NFS as a rule: rpc_wait_bit_killable() of net/sunrpc/sched.c."""

import time

from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import FileSystem, Kernel
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.wait_queue import WANTS, queue_entry

_FUNCTION = "rpc_wait_bit_killable"
_SOFT = 0x0200 | 0x1000  # RPC_TASK_SOFT, RPC_TASK_TIMEOUT of include/linux/sunrpc/sched.h
_NAME = 64
_STEP_S = 10  # of the age that is told
_STATE = "rpc_task.tk_runstate"


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    """It waits for a bit of the request's state."""
    if sleeper.function != _FUNCTION:
        return None
    entry = queue_entry(sleeper, kernel, "wake_bit_function")
    if entry is None:
        return None
    layout = kernel.layout
    base = entry.address - layout["wait_bit_queue_entry.wq_entry"]
    word = sleeper.word(base + layout["wait_bit_queue_entry.key.flags"])
    request = word - layout[_STATE] if word else 0
    server = _server(request, kernel) if request else ""
    if not server:
        return None
    mounted = _mounted(sleeper, kernel)
    return Found(
        "nfs",
        request,
        f"{_procedure(request, kernel)} to {server}, {_since(request, kernel)}"
        + (f", of {mounted.text}" if mounted else ""),
        ("wait_bit_queue_entry on its stack", "rpc_task"),
        target=mounted.mount if mounted else "",
    )


def _server(request: int, kernel: Kernel) -> str:
    client = kernel.member(request, "rpc_task.tk_client")
    transport = kernel.member(client, "rpc_clnt.cl_xprt") if client else None
    name = kernel.member(transport, "rpc_xprt.servername") if transport else None
    return kernel.text(name, _NAME) if name else ""


def _procedure(request: int, kernel: Kernel) -> str:
    """ "READ"."""
    procedure = kernel.member(request, "rpc_task.tk_msg.rpc_proc")
    name = kernel.member(procedure, "rpc_procinfo.p_name") if procedure else None
    return (kernel.text(name, _NAME) if name else "") or "a request"


def _since(request: int, kernel: Kernel) -> str:
    """ "hard, for 120 s or more": a soft one ends by itself, with an error."""
    flags = kernel.memory.read(request + kernel.layout["rpc_task.tk_flags"], 2)
    soft = int.from_bytes(flags, "little") & _SOFT if flags else None
    how = "soft" if soft else "hard" if flags else "hard or soft"
    begun = kernel.wide_member(request, "rpc_task.tk_start")  # CLOCK_MONOTONIC
    age = (time.monotonic_ns() - begun) // 10**9 if begun else -1
    return f"{how}, for {age // _STEP_S * _STEP_S} s or more" if age >= 0 else how


def _mounted(sleeper: Sleeper, kernel: Kernel) -> FileSystem | None:
    """The one NFS super block of which the stack has an inode; None where there are more."""
    offset = kernel.layout["inode.i_sb"]
    words = sleeper.elsewhere()
    inodes = [super_block for _, super_block in kernel.members(words, offset)]
    found = {at: kernel.file_system(at) for at in {*words, *inodes} if kernel.width.is_address(at)}
    named = [file_system for file_system in found.values() if _is_nfs(file_system)]
    return named[0] if len(named) == 1 else None


def _is_nfs(file_system: FileSystem | None) -> bool:
    """One whose device was mounted when tracing began: other structures, such as fs_context, point
    to a file system's type as well, and look like a super block from there."""
    return (
        file_system is not None and file_system.kind in ("nfs", "nfs4") and bool(file_system.mount)
    )


KIND = Kind(
    "nfs",
    (
        *WANTS,
        "wait_bit_queue_entry.wq_entry",
        "wait_bit_queue_entry.key.flags",
        _STATE,
        "rpc_task.tk_client",
        "rpc_task.tk_msg.rpc_proc",
        "rpc_task.tk_flags",
        "rpc_task.tk_start",
        "rpc_clnt.cl_xprt",
        "rpc_xprt.servername",
        "rpc_procinfo.p_name",
    ),
    _read,
    tells="the procedure, the server, hard or soft, its age, the mount where the stack shows it",
    holder="the server",
    released="the server; `umount -f`",
    seen="6.1",
)

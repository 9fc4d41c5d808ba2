"""fuse_server.py DIRECTORY read|spin: mounts a FUSE file system there, answers nothing but INIT.

Prints the connection's number, reads one request, prints "asked", and waits for its standard input
to end, or spins. Closing the device, at the latest by its end, aborts the connection.
"""

import ctypes
import os
import struct
import sys

# include/uapi/linux/fuse.h
HEADER_IN = struct.Struct("=IIQQIIIHH")  # struct fuse_in_header
HEADER_OUT = struct.Struct("=IiQ")  # struct fuse_out_header
INIT_OUT = struct.Struct("=IIIIHHII36x")  # version 7.31, max_write 4096
INIT = 26


def mount(device: int, target: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0"
    if libc.mount(b"ktrace-test", target.encode(), b"fuse", 0, options.encode()):
        raise OSError(ctypes.get_errno(), "mount")


def connection(target: str) -> int:
    """Of mountinfo: stat() of it would be a request."""
    with open("/proc/self/mountinfo") as file:
        lines = [line.split() for line in file]
    return int(next(words[2] for words in lines if words[4] == target).partition(":")[2])


def main() -> None:
    device = os.open("/dev/fuse", os.O_RDWR)
    mount(device, sys.argv[1])
    _, opcode, unique, *_ = HEADER_IN.unpack_from(os.read(device, 1 << 16))
    assert opcode == INIT
    answer = INIT_OUT.pack(7, 31, 4096, 0, 0, 0, 4096, 0)
    os.write(device, HEADER_OUT.pack(HEADER_OUT.size + len(answer), 0, unique) + answer)
    print(connection(sys.argv[1]), flush=True)
    os.read(device, 1 << 16)
    print("asked", flush=True)
    while sys.argv[2] == "spin":
        pass
    sys.stdin.read()


main()

"""Modules that come and go, told by the kernel: no need to look for them again and again."""

import ctypes
import errno
import os
import struct

_AF_NETLINK, _SOCK_DGRAM = 16, 2  # <sys/socket.h>
_KOBJECT_UEVENT, _KERNEL_S_OWN = 15, 1  # a protocol of include/uapi/linux/netlink.h, and its group
_MOST_BYTES = 1 << 13  # of a message: UEVENT_BUFFER_SIZE of include/linux/kobject.h is 2048
_LOST = (errno.ENOBUFS, errno.ENOMEM)


class ModuleNews:
    """A socket for uevents (lib/kobject_uevent.c)."""

    def __init__(self) -> None:
        self.fd = _open()  # None: no such sockets here, as without a network, or not allowed

    def read(self) -> bool:
        """Did a module come or go, or was a message lost that may have said so?"""
        told = False
        while self.fd is not None:
            try:
                told |= of_module(os.read(self.fd, _MOST_BYTES))
            except BlockingIOError:
                break
            except OSError as error:
                told = True
                if error.errno not in _LOST:
                    self.close()
        return told

    def close(self) -> None:
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None


def of_module(message: bytes) -> bool:
    """Of "add@/module/squashfs", with more behind a zero byte."""
    return message.partition(b"@")[2].startswith(b"/module/")


def _open() -> int | None:
    """Without Python's socket module, which is large."""
    libc = ctypes.CDLL(None, use_errno=True)
    flags = os.O_NONBLOCK | os.O_CLOEXEC  # SOCK_NONBLOCK and SOCK_CLOEXEC are the same
    fd = int(libc.socket(_AF_NETLINK, _SOCK_DGRAM | flags, _KOBJECT_UEVENT))
    if fd < 0:
        return None
    address = struct.pack("=HHII", _AF_NETLINK, 0, 0, _KERNEL_S_OWN)  # struct sockaddr_nl
    if libc.bind(fd, address, len(address)):
        os.close(fd)
        return None
    return fd

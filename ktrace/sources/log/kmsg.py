"""The log of the running kernel."""

import errno
import os


class KernelLog:
    """The running kernel's log from /dev/kmsg, a record at a time. Raises OSError."""

    def __init__(self) -> None:
        self._fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)

    def read(self, _size: int, /) -> bytes:
        while True:
            try:
                return os.read(self._fd, 8192)
            except BlockingIOError:
                return b""
            except OSError as error:
                if error.errno != errno.EPIPE:  # EPIPE: records were overwritten meanwhile
                    raise

    def close(self) -> None:
        os.close(self._fd)

"""A trace that goes out of a serial port."""

import fcntl
import termios
from contextlib import suppress

_TIOCGSERIAL = 0x541E  # include/uapi/asm-generic/ioctls.h
_SERIAL_STRUCT = 256  # bytes, at least


def pass_bytes_on(fd: int) -> None:
    """A serial port takes bytes as they are: no carriage returns, no echo of what comes in, no wait
    for a modem. Its speed stays. Other terminals stay as they are: somebody looks at them."""
    with suppress(OSError, termios.error):
        fcntl.ioctl(fd, _TIOCGSERIAL, bytes(_SERIAL_STRUCT))  # others do not know it
        modes = termios.tcgetattr(fd)
        modes[1] &= ~termios.OPOST
        modes[2] |= termios.CLOCAL
        modes[3] &= ~(termios.ECHO | termios.ICANON | termios.ISIG)
        termios.tcsetattr(fd, termios.TCSANOW, modes)

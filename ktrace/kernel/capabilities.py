"""Capabilities of a thread: those that it has, and giving them up (capabilities(7))."""

import ctypes
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum

LAST = "/proc/sys/kernel/cap_last_cap"
_WORD = 0xFFFFFFFF
_VERSION = 0x20080522  # _LINUX_CAPABILITY_VERSION_3, include/uapi/linux/capability.h
# include/uapi/linux/prctl.h
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4


class Capability(IntEnum):
    """Those that ktrace knows, by their numbers in include/uapi/linux/capability.h."""

    CAP_CHOWN = 0
    CAP_DAC_OVERRIDE = 1
    CAP_DAC_READ_SEARCH = 2
    CAP_FOWNER = 3
    CAP_KILL = 5
    CAP_SETGID = 6
    CAP_SETUID = 7
    CAP_SETPCAP = 8
    CAP_IPC_LOCK = 14
    CAP_SYS_RAWIO = 17
    CAP_SYS_PTRACE = 19
    CAP_SYS_ADMIN = 21
    CAP_SYS_NICE = 23
    CAP_SYS_RESOURCE = 24
    CAP_SYSLOG = 34
    CAP_PERFMON = 38
    CAP_BPF = 39


class _Header(ctypes.Structure):
    """struct __user_cap_header_struct; pid 0: the calling thread."""

    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Words(ctypes.Structure):
    """struct __user_cap_data_struct: 32 capabilities; there are two of them."""

    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def effective() -> frozenset[int]:
    """What the calling thread may do now. Raises OSError."""
    low, high = _get()
    return _numbers(low.effective | high.effective << 32)


def last_known() -> int:
    """The highest number that this kernel knows: before v5.8 (a17b53c4a4b5) less than CAP_BPF."""
    with open(LAST) as file:
        return int(file.read())


def restrict(keep: Collection[int], aside: Collection[int] = (), *, for_good: bool = True) -> None:
    """Do without all but these, as far as they are permitted. Of this thread only; those that it
    starts later have no more.

    for_good: nothing gives them back, neither this process nor a program that it executes; but
    raised() does for those in aside. Else all are only put aside, and a program that root executes
    has them again. Raises OSError.
    """
    words = _get()
    bits = _bits(keep)
    left = _bits((*keep, *aside)) if for_good else ~0
    if for_good:
        _take_up(words)
        for number in range(last_known() + 1):
            _libc().prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)  # needs CAP_SETPCAP; else see below
    for word, shift in zip(words, (0, 32), strict=True):
        word.effective = word.permitted & bits >> shift & _WORD
        word.permitted &= left >> shift & _WORD
        if for_good:
            word.inheritable = 0
    _set(words)
    forget_ambient()
    if for_good:
        # with it a program that root executes has no more than was permitted before
        # (cap_bprm_creds_from_file(), security/commoncap.c), whatever the bounding set is
        _checked(_libc().prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


@contextmanager
def raised() -> Iterator[None]:
    """With what was put aside, for a moment. Raises OSError."""
    words = _get()
    before = [word.effective for word in words]
    _take_up(words)
    try:
        yield
    finally:
        for word, effective in zip(words, before, strict=True):
            word.effective = effective
        _set(words)


def _take_up(words: "ctypes.Array[_Words]") -> None:
    """All that is permitted; CAP_SETPCAP may be among it."""
    for word in words:
        word.effective = word.permitted
    _set(words)


def forget_ambient() -> None:
    """Programs that this thread executes get none of the capabilities that it was given."""
    with suppress(OSError):  # before v4.3 there are none
        _checked(_libc().prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))


def _get() -> ctypes.Array[_Words]:
    words = (_Words * 2)()
    _checked(_libc().capget(ctypes.byref(_Header(_VERSION, 0)), words))
    return words


def _set(words: ctypes.Array[_Words]) -> None:
    _checked(_libc().capset(ctypes.byref(_Header(_VERSION, 0)), words))


def _bits(numbers: Iterable[int]) -> int:
    return sum(1 << number for number in set(numbers))


def _numbers(bits: int) -> frozenset[int]:
    return frozenset(number for number in range(64) if bits >> number & 1)


def _checked(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    return libc

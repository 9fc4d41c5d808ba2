"""After attaching: what a live run still may do, and what it gives up for good."""

import os
import sys

from ktrace.kernel.capabilities import Capability as C
from ktrace.kernel.capabilities import last_known, restrict
from ktrace.live.identity import Identity
from ktrace.live.options import DEFAULT_SPILL, Options
from ktrace.package import packaged
from ktrace.privileges import NEEDS, admin_later

# to put a new state file into a folder, and an owner's name on it, which need not be ktrace's own
_FOR_STATE = (C.CAP_CHOWN, C.CAP_DAC_OVERRIDE, C.CAP_FOWNER)
_FOR_OTHERS = (C.CAP_SETGID, C.CAP_SETUID)


def confine(options: Options, loader: str, actions: Identity | None, *, asks: bool = False) -> str:
    """Give up what the run needs no more, in the calling thread; why that failed, else "".

    actions: as whom actions run; None: there are none. asks: see admin_later().
    """
    try:
        keep = kept(options, loader, actions)
        if _depends_on_reading_all(keep):
            keep |= {C.CAP_DAC_READ_SEARCH}
        for_good = actions is None or not actions.privileged
        aside = {need.capability for need in NEEDS if need.aside} if admin_later(asks) else ()
        restrict(keep, aside, for_good=for_good)
    except OSError as error:
        return f"privileges cannot be given up: {error.strerror or error}"
    return ""


def kept(options: Options, loader: str, actions: Identity | None) -> frozenset[C]:
    """What the run needs to its end."""
    keep = {need.capability for need in NEEDS if need.kept}
    if loader == "bcc" or last_known() < C.CAP_BPF:
        keep.add(C.CAP_SYS_ADMIN)  # /proc/TID/stack (fs/proc/base.c); BPF before v5.8
    if options.state:
        keep.update(_FOR_STATE)
    if options.spill != DEFAULT_SPILL:
        keep.add(C.CAP_DAC_OVERRIDE)  # /run is root's, but not every folder
    if options.run or actions:
        keep.add(C.CAP_KILL)  # they may have another user, and have to be ended
    if actions and actions.changes_user:
        keep.update(_FOR_OTHERS)
    return frozenset(keep)


def _depends_on_reading_all(keep: frozenset[C]) -> bool:
    """Some of ktrace's own files are read when they are needed: modules of Python, the BPF object
    of a kernel module that is loaded later. Those of a user's home root may only read by a
    capability. Puts the others aside."""
    folders = [*filter(None, sys.path), packaged("bpf")]
    readable = [folder for folder in folders if _readable(folder)]
    restrict(keep, for_good=False)
    return not all(map(_readable, readable))


def _readable(folder: str) -> bool:
    try:
        os.stat(os.path.join(folder, os.curdir))
        os.listdir(folder)
    except OSError:
        return False
    return True

"""The head of a live run: which ktrace, machine, boot, and probes it is of."""

import os
import time

import ktrace
from ktrace.findings import Session
from ktrace.kernel.boot import boot_id
from ktrace.live.options import Options
from ktrace.sources.live.source import LiveSource, now
from ktrace.trace.format import FORMAT


def describe(options: Options, source: LiveSource, warnings: tuple[str, ...]) -> Session:
    """The head of this run."""
    machine = os.uname()
    return Session(
        ktrace=ktrace.__version__,
        format=FORMAT,
        command=options.command,
        host=machine.nodename,
        kernel=machine.release,
        boot_id=boot_id(),
        machine=machine.machine,
        t=now(),
        wall=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        loader=source.loader.name,
        stuck_after=options.stuck_after,
        probes=tuple(source.probes),
        warnings=warnings,
        attaching_t=source.attaching_t,
        attached_t=source.attached_t,
        blocked_after=options.blocked_after,
        filter=options.filter or None,
        min_order=options.min_order,
        stalled_after=options.stalled_after,
    )

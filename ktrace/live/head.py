"""The head of a live run: which ktrace, machine, boot, and probes it is of."""

import ktrace
from ktrace.findings import Session
from ktrace.live.options import Options
from ktrace.live.origin import Origin, Source
from ktrace.trace.format import FORMAT


def describe(
    options: Options, source: Source, origin: Origin, warnings: tuple[str, ...]
) -> Session:
    """The head of this run."""
    machine = origin.machine()
    return Session(
        ktrace=ktrace.__version__,
        format=FORMAT,
        command=options.command,
        host=machine.host,
        kernel=machine.kernel,
        boot_id=machine.boot_id,
        machine=machine.machine,
        t=origin.now(),
        wall=machine.wall,
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
        also=options.also,
    )

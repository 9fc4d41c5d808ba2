"""ktrace doctor: what this kernel offers, which hook each probe takes, what is lost without it."""

import os
import time
from typing import TYPE_CHECKING

import click

from ktrace import __version__
from ktrace.commands.options import btf_option, loader_option
from ktrace.errors import ExitCode, KtraceError
from ktrace.kernel.capabilities import effective
from ktrace.privileges import NEEDS, admin_later, has
from ktrace.probes.catalog import HOT_OBJECTS, purpose
from ktrace.probes.choice import choose
from ktrace.problems import verdicts_that_need
from ktrace.survival import memory_kib, reserve_heap, survive
from ktrace.views.output import say
from ktrace.views.text_table import text_table

if TYPE_CHECKING:
    from ktrace.kernel.features import Fact
    from ktrace.sources.live.source import LiveSource


@click.command("doctor")
@loader_option
@btf_option
def doctor(loader: str) -> ExitCode:
    """Attach every probe once; show what works, and what you lose where a probe is missing."""
    from ktrace.kernel.features import facts
    from ktrace.kernel.libbpf import lib

    version, machine = lib().libbpf_version_string().decode(), os.uname()
    say(f"ktrace {__version__} on Linux {machine.release} {machine.machine}")
    say(f"libbpf {version}")
    say()
    for fact in facts():
        _print_fact(fact)
    say()
    _print_privileges()
    try:
        return _try_probes(loader)
    except KtraceError as error:
        say(f"probes         cannot trace here: {error}")
        say(f"               {error.hint}")
        return ExitCode.CANNOT_TRACE


def _print_fact(fact: "Fact") -> None:
    mark = {True: "ok", False: "NO", None: "--"}[fact.ok]
    say(f"{fact.name:<14} {mark}  {fact.value}")
    if fact.ok is False and fact.hint:
        say(f"{'':<18} {fact.hint}")


def _print_privileges() -> None:
    """What each capability is for, whether it is here, and for how long."""
    held = effective()
    rows = [("CAPABILITY", "HERE", "KEPT", "FOR")]
    for need in NEEDS:
        here = has(held, need.capability)
        kept = "while tracing" if need.kept else "put aside" if need.aside else "to attach"
        rows.append((need.capability.name, "yes" if here else "NO", kept, need.gives))
        if need.aside:
            rows.append(("", "", "", f"later for {', '.join(admin_later(asks=True))}"))
        if not here:
            rows.append(("", "", "", f"lost: {need.without}"))
    for line in (*text_table(rows), ""):
        say(line)


def _try_probes(loader: str) -> ExitCode:
    from ktrace.sources.live.source import LiveSource

    reserve_heap()
    chosen = choose(loader)
    say(f"{'loader':<14} {chosen.name}: {chosen.why}")
    source = LiveSource(stuck_after=1.0, loader_name=loader, hot=HOT_OBJECTS)
    ready = time.monotonic()
    try:
        symbols = source.load_symbols()
        named = time.monotonic()
        blind = _print_probes(source)
        warnings = survive()
        memory = memory_kib()
        loader_facts = source.loader.facts()
    finally:
        source.close()
    for name, value in loader_facts:
        say(f"{name:<14} {value}")
    say(f"task states    {source.states.origin}")
    say(f"symbols        {symbols}")
    if source.unwinds is not None:
        from ktrace.kernel.btf_file import HOW_TO_MAKE

        how = "by the kernel's tables" if source.unwinds else f"NO: no tables; {HOW_TO_MAKE}"
        say(f"stacks unwound {how}")
    waits = source.why_no_waits or ("" if symbols else "kernel addresses are hidden")
    say(f"wait chains    {f'not read: {waits}' if waits else 'read from sleeping stacks'}")
    say(
        f"time           {source.attached_t - source.attaching_t:.3f} s to attach, "
        f"{named - ready:.3f} s to read symbols"
    )
    say(
        f"memory         {memory['VmRSS'] / 1024:.1f} MiB resident, "
        f"{memory['VmLck'] / 1024:.1f} MiB mapped and locked as it is touched"
    )
    for warning in warnings:
        say(f"not secured    {warning}")
    if blind:
        say()
        say(f"no verdict     {', '.join(blind)}: a run that finds nothing is inconclusive")
        return ExitCode.INCONCLUSIVE
    return ExitCode.CLEAN


def _print_probes(source: "LiveSource") -> list[str]:
    """The table; commands that cannot say "clean" on this kernel."""
    blind: list[str] = []
    rows = [("PROBE", "HOOK", "GIVES")]
    for probe in source.probes:
        about = purpose(probe.function)
        rows.append((probe.function, probe.hook or probe.state, about.gives))
        if probe.why:
            rows.append(("", "", f"refused: {probe.why}"))
        if probe.state == "missing":
            rows.append(("", "", f"lost: {about.without}"))
            blind += [
                verdict for verdict in verdicts_that_need(probe.function) if verdict not in blind
            ]
    for line in (*text_table(rows), ""):
        say(line)
    return blind

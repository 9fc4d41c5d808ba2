"""`ktrace lab`: kernel bugs on demand, in a QEMU guest, watched by ktrace."""

import click

from ktrace.commands.group import Group
from ktrace.commands.lab.matrix import matrix
from ktrace.commands.lab.run import run
from ktrace.views.output import say


@click.group(cls=Group)
def lab() -> None:
    """Reproduce kernel bugs in a QEMU guest, traced by ktrace.

    Needs qemu-system-x86, squashfs-tools, e2fsprogs, busybox-static and gcc; no root, no KVM.
    """


@lab.command("list")
def list_scenarios() -> None:
    """List the scenarios."""
    from ktrace.lab.scenarios import SCENARIOS

    for name, scenario in sorted(SCENARIOS.items()):
        say(f"{name}  {scenario.summary}")


lab.add_command(run)
lab.add_command(matrix)

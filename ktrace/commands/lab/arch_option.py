"""--arch: which machine the lab emulates."""

import click

# Not from ktrace.lab.arch: the other commands need not load the lab.
NAMES = ("amd64", "arm64", "armhf")

arch_option = click.option(
    "--arch",
    type=click.Choice(NAMES),
    default=NAMES[0],
    show_default=True,
    help="The guest's architecture.",
)

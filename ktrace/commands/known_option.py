"""--known, of the commands that tell known bugs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ktrace.errors import UsageError

if TYPE_CHECKING:
    from ktrace.known_bugs import Catalogue

known_option = click.option(
    "--known",
    "known_files",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="More known bugs, in the form of ktrace's own known_bugs.toml.",
)


def catalogue(known_files: Sequence[str]) -> "Catalogue":
    """ktrace's own bugs, and those of the files. Raises UsageError."""
    from ktrace.known_bugs import Catalogue

    try:
        return Catalogue(known_files)
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read known bugs: {error}") from None

"""Verdicts of a run as exit codes."""

from collections.abc import Iterable

from ktrace.errors import ExitCode

EXIT_CODES = {
    "found": ExitCode.FOUND,
    "inconclusive": ExitCode.INCONCLUSIVE,
    "clean": ExitCode.CLEAN,
}


def worst(verdicts: Iterable[str]) -> str:
    """Of several runs: something found outweighs a doubt, a doubt outweighs clean."""
    given = list(verdicts)
    return next(verdict for verdict in EXIT_CODES if verdict in given)

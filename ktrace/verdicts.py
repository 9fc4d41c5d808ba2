"""Verdicts of a run as exit codes."""

from collections.abc import Iterable
from dataclasses import replace

from ktrace.errors import ExitCode
from ktrace.findings import End

EXIT_CODES = {
    "found": ExitCode.FOUND,
    "inconclusive": ExitCode.INCONCLUSIVE,
    "clean": ExitCode.CLEAN,
}


def worst(verdicts: Iterable[str]) -> str:
    """Of several runs: something found outweighs a doubt, a doubt outweighs clean."""
    given = list(verdicts)
    return next(verdict for verdict in EXIT_CODES if verdict in given)


def worst_exit(codes: Iterable[int]) -> int:
    """The same for the exit codes of several runs; a code that is no verdict outweighs all."""
    given = list(codes)
    verdicts = list(EXIT_CODES.values())
    odd = [code for code in given if code not in verdicts]
    return odd[0] if odd else next(code for code in verdicts if code in given)


def with_doubt(end: End, *doubts: str) -> End:
    """end, which cannot be clean when there is a doubt."""
    verdict = "inconclusive" if doubts and end.verdict == "clean" else end.verdict
    return replace(end, verdict=verdict, why="; ".join(filter(None, [end.why, *doubts])))

"""Calls of out_of_memory() and OOM kills, which more than one view counts."""

from ktrace.detectors.analysis import Analysis
from ktrace.views import words


def count_calls(analysis: Analysis) -> int | None:
    """None where no probe could have counted them."""
    return analysis.counts()["oom_calls"]


def count_oom_kills(analysis: Analysis) -> int | None:
    """None where no probe could have seen one."""
    return analysis.counts()["oom_kills"]


def calls(analysis: Analysis) -> str:
    """ "10 calls of out_of_memory()"."""
    number = count_calls(analysis)
    if number is None:
        return "calls of out_of_memory() not measured (no probe)"
    return f"{words.count(number, 'call')} of out_of_memory()"


def oom_kills(analysis: Analysis) -> str:
    """ "1 OOM kill"."""
    number = count_oom_kills(analysis)
    return "OOM kills not measured" if number is None else words.count(number, "OOM kill")

"""What an event changes in the ledger, for those who derive something from it."""

from dataclasses import dataclass

from ktrace.detectors.kills.kill import Kill
from ktrace.detectors.kills.thread import KilledThread


@dataclass(frozen=True, slots=True)
class OomKilled:
    """The kill has turned out to be the OOM killer's."""

    kill: Kill


@dataclass(frozen=True, slots=True)
class ThreadEnded:
    """A killed thread that was looked at is dead, or gone."""

    kill: Kill
    thread: KilledThread
    t: float
    exit_signal: int | None  # None: nobody saw it die


@dataclass(frozen=True, slots=True)
class KillOver:
    """The last thread is dead, or gone."""

    kill: Kill


Change = OomKilled | ThreadEnded | KillOver

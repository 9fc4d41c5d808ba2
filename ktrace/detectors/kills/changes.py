"""What an event changes in the ledger, for those who derive something from it."""

from ktrace.detectors.kills.kill import Kill
from ktrace.detectors.kills.thread import KilledThread
from ktrace.record import record


@record
class OomKilled:
    """The kill has turned out to be the OOM killer's."""

    kill: Kill


@record
class ThreadEnded:
    """A killed thread that was looked at is dead, or gone."""

    kill: Kill
    thread: KilledThread
    t: float
    exit_signal: int | None  # None: nobody saw it die


@record
class KillOver:
    """The last thread is dead, or gone."""

    kill: Kill


Change = OomKilled | ThreadEnded | KillOver

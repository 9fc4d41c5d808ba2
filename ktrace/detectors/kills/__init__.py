"""One ledger of kills, from which all that tells of kills is derived."""

from ktrace.detectors.kills.book import FOLLOWED, KEPT
from ktrace.detectors.kills.changes import Change, KillOver, OomKilled, ThreadEnded
from ktrace.detectors.kills.kill import CHOSEN, EXITING, GROUP, SHARES_MM, Kill, Step
from ktrace.detectors.kills.ledger import Kills
from ktrace.detectors.kills.oom import OOM_KILL_PROBES
from ktrace.detectors.kills.thread import KilledThread, Place, place_of

__all__ = [
    "CHOSEN",
    "EXITING",
    "FOLLOWED",
    "GROUP",
    "KEPT",
    "OOM_KILL_PROBES",
    "SHARES_MM",
    "Change",
    "Kill",
    "KillOver",
    "KilledThread",
    "Kills",
    "OomKilled",
    "Place",
    "Step",
    "ThreadEnded",
    "place_of",
]

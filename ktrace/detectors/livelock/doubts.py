"""Calls that killed nobody, and nobody can say why: no finding, but no clean run either."""

from ktrace.detectors.livelock.counts import RESULTS
from ktrace.detectors.livelock.domain import Domain
from ktrace.plural import count

_KEPT = 20


class Doubts:
    """The newest of each episode, in words."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._left_out: set[str] = set()

    def note(self, domain: Domain) -> None:
        """The domain has made no progress so far, for a reason that is not known."""
        if domain.id in self._known or len(self._known) < _KEPT:
            self._known[domain.id] = _text(domain)
        elif len(self._left_out) < _KEPT:
            self._left_out.add(domain.id)

    def drop(self, domain: Domain) -> None:
        """It is a finding."""
        self._known.pop(domain.id, None)

    def lines(self) -> list[str]:
        more = [f"and {len(self._left_out)} or more like these"] if self._left_out else []
        return [*self._known.values(), *more]

    def has(self, domain: Domain) -> bool:
        return domain.id in self._known


def undecided(domain: Domain) -> str:
    """Of a domain whose calls go on when tracing ends."""
    return f"{_calls(domain)} had killed nothing yet when tracing ended"


def untimed(domain: Domain) -> str:
    """Of kills in a log without times: they may have come one after another, or once a day."""
    return f"{count(domain.kills, 'OOM kill')} for {_name(domain)}, and the log does not tell when"


def _text(domain: Domain) -> str:
    if domain.missed:
        kills = count(domain.missed, "OOM kill")
        return f"{kills} for {_name(domain)} counted, but not traced"
    return f"{_calls(domain)} killed nothing, {_why(domain)}"


def _name(domain: Domain) -> str:
    return "the machine" if domain.memcg is None else f"memory cgroup {domain.memcg}"


def _calls(domain: Domain) -> str:
    counts = domain.idle() if domain.call == "out_of_memory" else domain.episode()
    what = f"{count(counts.calls, 'call')} of {domain.call}()"
    if domain.call != "out_of_memory":
        what = count(counts.calls, f"{domain.call} event")
    return f"{what} for {_name(domain)} in {domain.idle_s():.1f} s"


def _why(domain: Domain) -> str:
    idle = domain.idle()
    if not idle.judged:
        return "what came of them was not measured"
    told = [f"{name} {idle.results[name]}" for name in RESULTS if idle.results[name]]
    return f"why is not known ({', '.join(told)})"

"""Why the OOM handling of a domain makes no progress, or that the reason is not known.

mm/oom_kill.c, out_of_memory(): when select_bad_process() finds nobody, the caller fails, and a page
fault comes again at once; when it finds a victim that has not exited (oc->chosen is -1), the caller
waits for that one. The OOM reaper frees the callers from such a victim 2 s later (v5.18,
e4a38402c36e), or 3 s when it cannot get the mmap_lock; so what is still so after SPIN_S is no
ordinary kill.
"""

from ktrace.detectors.livelock import look
from ktrace.detectors.livelock.counts import Counts
from ktrace.detectors.livelock.domain import Domain
from ktrace.detectors.livelock.victims import Victims, is_machine_s, memory_of
from ktrace.findings import Undead

SPIN_S = 2.0  # calls that kill nobody for so long, and so many, are no accident
SPIN_CALLS = 20
NO_GAIN_KILLS = 5  # victims that died in NO_GAIN_S, and the calls go on; twice that if they live
NO_GAIN_S = 10.0
RETRY_S = 10.0  # one thread's reclaim or compaction without a second's pause
RETRY_CALLS = 100


class Reasons:
    """Judges a domain by its counts, its looks and its victims."""

    def __init__(self, victims: Victims, spin_s: float) -> None:
        self._victims = victims
        self._spin_s = spin_s

    def why(self, domain: Domain, t: float, victim: Undead | None) -> str | None:
        """nobody, victim, no-gain, retry; None while it may yet get somewhere, or is not known.

        victim: of the domain, not exited.
        """
        if domain.call != "out_of_memory":
            return "retry" if long_runs(domain, t) and not self._killed(t) else None
        reason = self._idle_reason(domain, victim) if self.spins(domain) else None
        return reason or ("no-gain" if self._gains_nothing(domain, t) else None)

    def spins(self, domain: Domain) -> bool:
        """Calls, for long, that kill nobody."""
        return domain.idle_s() >= self._spin_s and domain.idle().calls >= SPIN_CALLS

    def cannot_tell(self, domain: Domain, t: float) -> bool:
        """Of a domain without a reason: calls that kill nobody, or kills of unseen victims."""
        if domain.call != "out_of_memory":
            return False
        long = t - domain.first_t >= NO_GAIN_S / 2
        return self.spins(domain) or (long and domain.missed >= NO_GAIN_KILLS)

    def undecided(self, domain: Domain, t: float) -> bool:
        """At the end of a run: do calls go on of which nothing has come yet?"""
        if not domain.is_fresh(t):
            return False
        if domain.call != "out_of_memory":
            return bool(long_runs(domain, t, RETRY_S / 2)) and not self._killed(t)
        calls = domain.idle().calls
        slow = bool(calls) and 0 < self._spin_s <= domain.idle_s()
        if calls < SPIN_CALLS and not slow:
            return False
        kills = self._victims.of(domain, domain.first_t - 1.0)
        died_t = self._victims.died_t(kills[-1]) if kills else None
        # a death after the last call is what they waited for
        return died_t is None or died_t < domain.last_t

    def _idle_reason(self, domain: Domain, victim: Undead | None) -> str | None:
        idle = domain.idle()
        if not _is_measured(idle):
            if victim and victim.found_by != "walk":
                return "victim"
            return "nobody" if look.none_may_be_killed(domain.looks) else None
        nobody, waits = idle.results["nobody"], idle.results["waits"]
        if (nobody + waits) * 2 <= idle.judged:
            return None
        return "victim" if waits >= nobody else "nobody"

    def _gains_nothing(self, domain: Domain, t: float) -> bool:
        if domain.logged:  # whether victims died, and when, a log does not say
            return len(domain.logged) >= 2 * NO_GAIN_KILLS and t - domain.logged[0] >= NO_GAIN_S / 2
        kills = self._victims.of(domain, max(t - NO_GAIN_S, domain.first_t - 1.0))
        dead = [kill for kill in kills if self._victims.died_t(kill) is not None]
        if len(dead) < NO_GAIN_KILLS and len(kills) < 2 * NO_GAIN_KILLS:
            return False
        if t - kills[0].t < NO_GAIN_S / 2:
            return False
        freed = sum(memory_of(kill) or 0 for kill in dead)  # of those of which it is known
        limit = domain.looks[-1].limit_kib if domain.looks else None
        if limit is None or not freed:
            return len(kills) >= 2 * NO_GAIN_KILLS
        # what is more than there is in all has been taken again
        return freed >= limit or all(map(look.still_full, domain.looks[-2:]))

    def _killed(self, t: float) -> bool:
        """Reclaim that ends in an OOM kill of the machine has made progress."""
        return any(is_machine_s(kill) for kill in self._victims.since(t - RETRY_S))


def long_runs(domain: Domain, t: float, least_s: float = RETRY_S) -> dict[int, float]:
    """Threads that retry without a pause: tid -> since."""
    return {
        tid: run.since
        for tid, run in domain.runs.items()
        if t - run.since >= least_s and run.calls >= RETRY_CALLS
    }


def _is_measured(idle: Counts) -> bool:
    """Some returns of out_of_memory() may be missed (kretprobe's maxactive): most is enough."""
    return idle.judged >= SPIN_CALLS // 2 and idle.judged * 2 > idle.calls

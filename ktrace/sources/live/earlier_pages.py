"""Bad pages from before a live run: of earlier runs, from the state file; of this boot, from its
kernel log."""

from collections.abc import Callable, Iterable

from ktrace.detectors.bad_page import earlier_event, sighting_of
from ktrace.events import BadPage, Event, ProbeChange
from ktrace.findings import Session
from ktrace.probes.catalog import KERNEL_LOG
from ktrace.sources.live.bad_page_keeper import BadPageKeeper
from ktrace.sources.log.boot_log import earlier_reports


class EarlierPages:
    """See ktrace.sources.live.earlier."""

    def __init__(self, state: str | None) -> None:
        self._keeper = BadPageKeeper(state) if state else None

    def events(self, session: Session) -> Iterable[Event]:
        kept = self._keeper.sightings if self._keeper else ()
        yield from (earlier_event(sighting, session.t) for sighting in kept)
        try:
            reports = earlier_reports(session.boot_id, session.t)
        except OSError as error:
            why = error.strerror or str(error)
            yield ProbeChange(t=session.t, function=KERNEL_LOG, hook="", state="missing", why=why)
            return
        known = {(sighting.boot, sighting.pfn) for sighting in kept}
        yield from (page for page in reports if (page.boot, page.pfn) not in known)

    def add(self, event: Event) -> None:
        if self._keeper and isinstance(event, BadPage):
            self._keeper.add(sighting_of(event))

    def confine(self, call: Callable[[], object]) -> None:
        if self._keeper:
            self._keeper.confine(call)

    def close(self) -> str:
        if self._keeper is None or self._keeper.close():
            return ""
        return self._keeper.failure

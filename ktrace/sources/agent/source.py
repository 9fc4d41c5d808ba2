"""A board's agent as a source of events: its raw records through the decoder of live runs.

The stream goes one way: the agent walks each second by itself, and nothing can be asked.
"""

import math
import struct
import time
from collections.abc import Callable, Iterator

from ktrace.errors import CannotTrace, UsageError
from ktrace.events import Event, FatalSignal, Lost, OomKill, OomVictim, ProbeChange, Walk
from ktrace.findings import Probe
from ktrace.probes.loader import RawEvent
from ktrace.probes.proc_walk import frames_of
from ktrace.probes.wire import wire
from ktrace.record import record
from ktrace.repeated_looks import LooksLeftOut
from ktrace.sources.agent.beginning import Beginning
from ktrace.sources.agent.clock import BoardClock
from ktrace.sources.agent.counts import Losses, NoLook, SentCounts
from ktrace.sources.agent.facts import decoder_for
from ktrace.sources.agent.frames import Frame, FrameReader, FrameType
from ktrace.sources.agent.head import Board, board_of, probe_of
from ktrace.sources.agent.stream import Stream
from ktrace.sources.agent.symbols import SentSymbols
from ktrace.sources.live.decode.fields import seconds
from ktrace.sources.live.memory_watch import MemoryLook, MemoryWatch, look_of
from ktrace.sources.live.oom_watch import OomWatch

NOT_ASKED = "the stream of an agent goes one way"
_WALKS_S = 1.0  # from one walk of the agent to its next
_LAST_WALK_S = 2.5
_WAIT_S = 0.2
_SILENT_S = 5.0  # the agent has something to say each second
# more than an agent sends: what comes beyond is lost, and counted
_MOST_WALKED = 1 << 16  # tasks that one walk tells of
_MOST_KILLS = 1024  # between two looks at the memory
_MOST_TOLD = 256  # functions
# what a frame may raise whose checksum is right and whose content is not
_WRONG = (ValueError, KeyError, IndexError, OverflowError, struct.error)


@record
class Via:
    """In place of a loader."""

    name: str


class AgentSource:
    """Reads up to the first event in the constructor."""

    loader = Via("agent")

    def __init__(self, place: str, stopped: Callable[[], bool] = lambda: False) -> None:
        """place: as of Stream; stopped: is the run to end, whatever comes? Raises UsageError,
        CannotTrace."""
        self._stopped = stopped
        self.ended = ""  # why no more will come
        self._reader = FrameReader()
        self._said_goodbye = False
        self._stopping = False  # the run was to end before the stream did
        self._killed_t = self._walked_t = -math.inf  # the newest kill, the newest whole walk
        self._losses, self._bad = Losses(), 0  # frames that cannot be what they say
        self._counts = SentCounts()
        self._stack: bytes | None = None  # of the event that follows
        self._walking: list[Event] = []  # since the first look of a walk
        self._kills: list[Event] = []  # since the last look at the memory
        self._memory_look: MemoryLook
        self._looks = LooksLeftOut()
        self._heard = time.monotonic()
        self._trouble_at_walk = 0
        self._other: int | None = None
        self._stream = Stream(place)
        self._clock = BoardClock(recorded=self._stream.whole)
        try:
            self._prepare(self._begin())
        except _WRONG:
            self._stream.close()
            raise UsageError(f"{self._stream.name}: the agent's head cannot be read") from None
        except BaseException:
            self._stream.close()
            raise

    def _begin(self) -> Beginning:
        """Raises UsageError, and what frames that are not what they say may raise."""
        beginning = Beginning()
        while not self.ended:
            if self._stopped():
                raise KeyboardInterrupt
            for frame in self._more(_WAIT_S):
                if beginning.hear(frame):
                    return beginning
        what = "it ends before the first event" if beginning.board else "it has no agent's head"
        raise UsageError(
            f"{self._stream.name} is no stream of a ktrace-agent: {what}",
            hint="ssh BOARD ktrace-agent | ktrace oom-hang --from -",
        )

    def _prepare(self, begun: Beginning) -> None:
        assert begun.board is not None
        self.board = board = begun.board
        self.probes = begun.probes
        self.attaching_t, self.attached_t = begun.attaching_t, begun.attached_t
        self._files = begun.files
        self._told = {probe.function: probe for probe in self.probes}
        self._symbols = SentSymbols(self._files.take("modules"))
        self._decoder, doubts = decoder_for(board, self._files)
        self._decoder.use_symbols(self._symbols)
        self._memory = MemoryWatch(lambda _: self._memory_look, board.page_size // 1024)
        self._oom = OomWatch(self._counts, self._decoder.oom_activity, NoLook())
        self.warnings = [
            f"traced on {board.host} by an agent: {NOT_ASKED}",
            "wait chains are not read, running tasks not sampled, an OOM domain's processes not "
            "listed",
            *(f"on the board: {warning}" for warning in board.warnings),
            *doubts,
        ]
        if begun.late:
            self.warnings.append(
                "the beginning of the agent's stream is gone: what it saw before is not known"
            )
        if not board.functions:
            self.warnings.append("the board hides kernel addresses: stacks show numbers")
        self._clock.hear(self.attached_t)

    def now(self) -> float:
        """On the board's CLOCK_BOOTTIME."""
        return self._clock.heard_t if self.ended else self._clock.now()

    def load_symbols(self) -> int:
        """They come with the events; how many the board shows."""
        return self.board.functions

    def wake_on(self, fd: int) -> None:
        """read() returns early when something can be read from fd, too."""
        self._other = fd

    def read(self, timeout_s: float) -> list[Event]:
        """What came since the last call; waits for something at most timeout_s."""
        found = [event for frame in self._more(timeout_s) for event in self._events(frame)]
        if not found and time.monotonic() - self._heard > _SILENT_S and not self.ended:
            self._heard = time.monotonic()
            found.append(Walk(t=self.now(), started_t=self.now(), complete=False))
        return [*found, *self._troubles()]

    def finish(self) -> list[Event]:
        """Up to the end of a walk, so that the verdict knows it all."""
        events: list[Event] = []
        self._stopping = self._stopping or not self.ended
        silent = time.monotonic() - self._heard > 2 * _WALKS_S
        until = time.monotonic() + _LAST_WALK_S
        while not self.ended and time.monotonic() < until:
            events += self.read(_WAIT_S)
            if any(isinstance(event, Walk) for event in events):
                return events
        if not self.ended or (self._stopping and (silent or self._not_judged())):
            events.append(Lost(t=self.now(), what="agent_walk", count=1))
        return events

    def _not_judged(self) -> bool:
        """Ctrl-C ends ssh, too, which brings the stream: then the run ends with what was heard. Was
        somebody killed of whom the last walk could not tell yet whether he is stuck?"""
        return not self._said_goodbye and self._killed_t > self._walked_t - _WALKS_S

    def close(self) -> None:
        self._stream.close()

    def _more(self, timeout_s: float) -> Iterator[Frame]:
        """Frames that have come; ended is set behind the last."""
        yield from self._reader.feed(b"")  # what _begin() has left
        data = self._stream.read(timeout_s, self._other)
        if data is None:
            self._stopping = self._stopping or self._stopped()
            self.ended = self.ended or "the agent's stream has ended"
        elif data:
            self._heard = time.monotonic()
            yield from self._reader.feed(data)

    def _troubles(self) -> Iterator[Lost]:
        """What is missing of the stream: a run that lacks it is not clean."""
        t = self._clock.heard_t
        yield from self._losses.lost(t, "agent_frames", self._missing())
        if self.ended and not self._said_goodbye and not self._stopping:
            yield from self._losses.lost(t, "agent_end", 1)

    def _missing(self) -> int:
        """Frames of which nothing is known."""
        torn = bool(self.ended) and self._reader.torn and not self._stopping
        return self._reader.lost + self._bad + torn

    def _events(self, frame: Frame) -> list[Event]:
        try:
            found = [*self._decoded(frame)]
        except (CannotTrace, *_WRONG):
            self._bad += 1
            return []
        for event in found:
            self._clock.hear(event.t)
        return found

    def _decoded(self, frame: Frame) -> Iterator[Event]:
        payload = frame.payload
        match frame.type:
            case FrameType.EVENT:
                yield from self._event(payload)
            case FrameType.WALK:
                yield from self._walk(*struct.unpack("=QQQ", payload))
            case FrameType.SYMBOLS:
                self._use_new_modules()
                self._symbols.add(payload)
                self._decoder.use_symbols(self._symbols)
            case FrameType.STACK:
                self._stack = payload
            case FrameType.FILE:
                self._files.add(payload)
            case FrameType.LOOK:
                yield from self._look_at_memory(struct.unpack("=Q", payload)[0] / 1e9)
            case FrameType.LOST:
                yield from self._losses.of_kernel(self._clock.heard_t, payload)
            case FrameType.COUNTS:
                self._counts.add(payload)
            case FrameType.PROBE:
                yield from self._probe(probe_of(payload))
            case FrameType.HEAD:
                self._head_again(board_of(payload))
            case FrameType.END:
                self._said_goodbye = True
                self.ended = f"the agent ends: {payload.decode(errors='backslashreplace')}"

    def _event(self, payload: bytes) -> Iterator[Event]:
        raw = wire().event_of(payload)
        stack, self._stack = self._stack, None
        if raw is None:
            raise ValueError("an event of no known kind")
        if stack is not None:
            raw[1].frames = frames_of(stack.decode(errors="backslashreplace"))
        event = self._decoder.decode(raw)
        if isinstance(event, FatalSignal | OomKill | OomVictim):
            self._killed_t = max(self._killed_t, event.t)
        if isinstance(event, OomKill | OomVictim) and len(self._kills) < _MOST_KILLS:
            self._kills.append(event)
        if len(self._walking) >= _MOST_WALKED:
            raise ValueError("a walk without an end")
        if self._walking or _of_walk(raw):
            self._walking.append(event)
        else:
            yield from self._looks.passed([event])

    def _walk(self, started: int, ended: int, complete: int) -> Iterator[Event]:
        """What is missing of the stream may have been part of it."""
        whole = bool(complete) and self._missing() == self._trouble_at_walk
        self._trouble_at_walk = self._missing()
        walk = Walk(t=seconds(ended), started_t=seconds(started), complete=whole)
        self._walked_t = walk.started_t if whole else self._walked_t
        walking, self._walking = self._walking, []
        yield from self._looks.walked(sorted([*walking, walk], key=lambda event: event.t))
        yield from self._oom.read(walk.t)

    def _look_at_memory(self, t: float) -> Iterator[Event]:
        page_kib = self.board.page_size // 1024
        self._memory_look = look_of(t, self._files.take, page_kib)
        kills, self._kills = self._kills, []
        yield from self._memory.read(t, kills)

    def _probe(self, probe: Probe) -> Iterator[Event]:
        if self._told.get(probe.function) == probe:
            return
        if len(self._told) >= _MOST_TOLD:
            raise ValueError("probes of no agent")
        self._told[probe.function] = probe
        yield ProbeChange(
            t=self._clock.heard_t,
            function=probe.function,
            hook=probe.hook,
            state=probe.state,
            why=probe.why,
        )

    def _use_new_modules(self) -> None:
        """The agent sends the list anew when one came or went, and then all names again."""
        modules = self._files.take("modules")
        if modules:
            self._symbols = SentSymbols(modules)

    def _head_again(self, board: Board) -> None:
        """An agent repeats it where old bytes give way to new ones, and when it starts again."""
        if board.boot_id != self.board.boot_id:
            self.ended = "the board was started again: what follows is another run"


def _of_walk(raw: RawEvent) -> bool:
    from_walk = wire().enums["state_source"]["FROM_WALK"]
    return raw[0] == "TASK_STATE" and raw[1].source == from_walk

"""What a live run opens: the source of its events, its recording, what was known before it."""

from typing import TYPE_CHECKING, cast

from ktrace.live.options import Options
from ktrace.live.origin import Here, OnBoard, Origin, Source
from ktrace.live.pace import Pace
from ktrace.live.stop import Stop
from ktrace.problems import hot_objects, load, reported
from ktrace.sources.live.source import LiveSource

if TYPE_CHECKING:
    from ktrace.live.recording import Recording
    from ktrace.sources.live.earlier import Earlier
    from ktrace.watch.segments import Segments


def open_source(options: Options, stop: Stop, pace: Pace) -> tuple[Source, Origin]:
    if options.agent is None:
        here = LiveSource(
            options.stuck_after,
            options.loader,
            options.all_waits,
            hot_objects(options.command, options.also),
            options.min_order,
            pace.breathe,
        )
        return here, Here(here)
    from ktrace.sources.agent.source import AgentSource

    board = AgentSource(options.agent, stop.now)
    return board, OnBoard(board)


def open_recording(options: Options) -> "Recording | Segments | None":
    if options.traces is not None:
        from ktrace.watch.segments import Segments

        return Segments(options)
    if options.record is None:
        return None
    from ktrace.live.recording import Recording

    return Recording(options)


def open_earlier(options: Options) -> "list[Earlier]":
    """What the problems of this run know from before it; of a board, they do not."""
    if options.agent is not None:
        return []
    names = [problem.before for problem in reported(options.command) if problem.before]
    return [cast("type[Earlier]", load(name))(options.state) for name in names]  # type: ignore[call-arg]

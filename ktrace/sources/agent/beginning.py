"""What an agent says before the first event."""

import struct

from ktrace.findings import Probe
from ktrace.probes.catalog import KERNEL_LOG, PAGE_CHECKS
from ktrace.sources.agent.frames import Frame, FrameType
from ktrace.sources.agent.head import Board, Files, board_of, probe_of

_MOST_PROBES = 256
_NOT_LOOKED_AT = Probe(PAGE_CHECKS, "", "missing", "not known: the agent does not look")
_NOT_READ = Probe(KERNEL_LOG, "", "missing", "the agent does not read it")


class Beginning:
    """Frames before a head are of a beginning that is gone."""

    def __init__(self) -> None:
        self.board: Board | None = None
        self.files = Files()
        self.probes: list[Probe] = []
        self.attaching_t = self.attached_t = 0.0
        self.late = False  # the agent has said something before this head, which is gone

    def hear(self, frame: Frame) -> bool:
        """True: the first event comes next. Raises CannotTrace, and what a frame that is not what
        it says may raise."""
        if frame.type == FrameType.HEAD:
            self.board = board_of(frame.payload)
            self.late = frame.number > 0
            self.probes, self.files = [], Files()
        elif self.board is None:
            return False
        elif frame.type == FrameType.FILE:
            self.files.add(frame.payload)
        elif frame.type == FrameType.PROBE and len(self.probes) < _MOST_PROBES:
            self.probes.append(probe_of(frame.payload))
        elif frame.type == FrameType.READY:
            times = struct.unpack("=QQ", frame.payload)
            self.attaching_t, self.attached_t = (t / 1e9 for t in times)
            if self.late:
                self.attaching_t = self.attached_t = self.board.t
            if any(p.function == "bad_page" and p.state == "attached" for p in self.probes):
                self.probes.append(_NOT_LOOKED_AT)
            self.probes.append(_NOT_READ)
            return True
        return False

"""The decoder for a board's events, from what its agent has sent before them."""

from ktrace.errors import UsageError
from ktrace.kernel.btf import Btf
from ktrace.kernel.btf_file import named_btf_file
from ktrace.kernel.gfp import GfpFlags
from ktrace.kernel.libbpf import LibbpfError
from ktrace.kernel.task_state import TaskStates
from ktrace.kernel.unwind_file import unwinder
from ktrace.sources.agent.head import Board, Files
from ktrace.sources.live.decode.decoder import Decoder
from ktrace.sources.live.decode.pages import PageDecoder


def _types(files: Files) -> Btf | None:
    """Those that the agent has sent, else of --btf FILE. Raises UsageError."""
    named = named_btf_file()
    if not named:
        return files.take_btf()
    try:
        return Btf.of_file(named)
    except LibbpfError as error:
        raise UsageError(str(error)) from None


def decoder_for(board: Board, files: Files) -> tuple[Decoder, list[str]]:
    """And what it does not know, in words for the user."""
    doubts = []
    switch_format = files.take("sched_switch") or None
    if switch_format is None:
        doubts.append(
            "tracefs is not mounted on the board: gfp flags are numbers, task states assumed"
        )
    btf = _types(files)
    tables = unwinder(board.release) if board.word_size == 4 else None
    if board.word_size == 4 and tables is None:
        doubts.append("stacks are not unwound (--unwind FILE): of a sleeper one function is known")
    try:
        if btf is None:
            doubts.append(
                "the board's types are not known (--btf FILE): page flags and OOM constraints are "
                "numbers"
            )
        decoder = Decoder(
            TaskStates.from_format(switch_format, board.has_frozen),
            GfpFlags.from_format(files.take("mm_page_alloc") or None),
            btf.enum("oom_constraint") if btf else None,
            PageDecoder.of_types(btf, board.boot_id, board.release, {}),
            board.word_size,
            tables,
            page_kib=board.page_size // 1024,
            here=False,
        )
    finally:
        if btf:
            btf.close()
    return decoder, doubts

"""Memory fragmented by pages that nobody can move: large blocks cannot be had, single pages can.

A module takes all free memory and gives every other page back. Tens of megabytes are free then, and
no two free pages lie together. It asks for blocks of order 4 to 6, and for as much as an array of
single pages.
"""

from ktrace.lab.errors import LabError
from ktrace.lab.guest.tracer import ktrace_command
from ktrace.lab.scenario import Scenario, Stage, Step

MODULE = "fragmented"
ORDERS = (4, 5, 6)
COUNT = 64  # of the module
ASKS_IN = "fragmented_ask_blocks"
_PARAMETERS = f"/sys/module/{MODULE}/parameters"
_LOOK_S = 2.5
_SEEN_S = 10.0


def load_module(stage: Stage) -> None:
    """Only now: ktrace has to name the functions of a module that comes later."""
    stage.guest.check(f"insmod /modules/{MODULE}.ko")


def fragment(stage: Stage) -> None:
    """Every other page of all that is free."""
    stage.guest.check(f"echo 1 >{_PARAMETERS}/take")
    stage.give_time(_LOOK_S, lambda trace: True)  # ktrace looks at the free blocks once a second


def ask_for_blocks(stage: Stage) -> None:
    """Not all of them can be had."""
    for order in ORDERS:
        stage.kept[f"blocks-{order}"] = _ask(stage, "blocks", order)


def ask_for_pages(stage: Stage) -> None:
    """All of them can."""
    for order in ORDERS:
        stage.kept[f"pages-{order}"] = _ask(stage, "pages", order)


def compare(stage: Stage) -> None:
    """The blocks must have failed, and the pages not."""
    short = [order for order in ORDERS if stage.kept[f"blocks-{order}"] >= COUNT]
    failed = [order for order in ORDERS if stage.kept[f"pages-{order}"] < COUNT]
    if short or failed:
        raise LabError(f"blocks of order {short} could be had, or pages could not: {stage.kept}")
    stage.give_time(0, _is_seen, _SEEN_S)


def _ask(stage: Stage, what: str, order: int) -> int:
    stage.guest.check(f"echo {order} >{_PARAMETERS}/{what}")
    return int(stage.guest.check(f"cat {_PARAMETERS}/got"))


def _is_seen(trace: bytes) -> bool:
    return trace.count(b'"finding":"large-alloc"') >= len(ORDERS)


FRAGMENTED = Scenario(
    name="fragmented",
    summary="a module cannot get large blocks, with tens of megabytes free in single pages",
    command=ktrace_command("big-alloc"),
    modules=(),
    disks=lambda cache, arch: (),
    steps=(
        Step("load the module", load_module),
        Step("take every other page", fragment),
        Step("ask for blocks of order 4 to 6", ask_for_blocks),
        Step("ask for as much in single pages", ask_for_pages),
        Step("compare", compare),
    ),
    own_modules=(MODULE,),
)

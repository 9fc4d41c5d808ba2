"""The table of wait primitives, and that detectors and table speak of the same."""

import pytest

from ktrace.detectors.waits import wait_of
from ktrace.kernel.task_state import SINCE_4_14, TaskStates
from ktrace.kernel.wait_functions import primitive_name
from ktrace.kernel.wait_primitives import EXAMINED, PRIMITIVES, WaitPrimitive, family_of
from tests import factories

pytestmark = pytest.mark.unit

STATES = TaskStates(SINCE_4_14, frozen_is_flag=False, origin="")


@pytest.mark.parametrize("name", PRIMITIVES)
def test_every_row_is_whole(name: str) -> None:
    primitive = PRIMITIVES[name]
    assert primitive.since in EXAMINED
    assert primitive.until in ("", *EXAMINED)
    assert set(primitive.state.split("|")) <= {"", *SINCE_4_14}
    assert family_of(primitive.family)


@pytest.mark.parametrize(
    ("name", "sigkill", "signal", "freeze", "load"),
    [
        ("wait_event", False, False, "waits for it", True),
        ("wait_event_killable", True, False, "waits for it", True),
        ("wait_event_interruptible", True, True, "ends it", False),
        ("wait_event_freezable", True, True, "frozen where it sleeps", False),
        ("wait_event_idle", False, False, "waits for it", False),
        ("percpu_down_read_freezable", False, False, "frozen where it sleeps", True),
        ("wait_on_bit", None, None, "as the caller chooses", None),
    ],
)
def test_what_ends_it(
    name: str, sigkill: bool | None, signal: bool | None, freeze: str, load: bool | None
) -> None:
    primitive = PRIMITIVES[name]
    assert (primitive.sigkill_ends, primitive.any_signal_ends) == (sigkill, signal)
    assert (primitive.freeze, primitive.in_load) == (freeze, load)


@pytest.mark.parametrize("name", [name for name in PRIMITIVES if primitive_name(name)])
def test_a_frame_has_the_family_of_the_table(name: str) -> None:
    """The patterns by which stacks are read know the same families."""
    assert primitive_name(name) == PRIMITIVES[name].family


@pytest.mark.parametrize(
    "primitive",
    [one for one in PRIMITIVES.values() if one.state and not one.timeout],
    ids=lambda one: one.name,
)
def test_the_detector_says_the_same_of_sigkill(primitive: WaitPrimitive) -> None:
    bits = sum(SINCE_4_14[bit] for bit in primitive.state.split("|"))
    sample = factories.state(1.0, state=STATES.name(bits), state_flags=STATES.flags(bits))
    wait = wait_of(sample)
    assert wait is not None
    assert wait.sigkill_wakes == primitive.sigkill_ends

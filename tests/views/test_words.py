"""How things are said."""

from dataclasses import replace

import pytest

from ktrace.findings import Killed, StuckTask
from ktrace.views import words
from tests.factories import session
from tests.trace.samples import FINDING

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.00s"), (0.02, "0.02s"), (3.94, "3.9s"), (34.5, "34.5s"), (125.9, "2m05s")],
)
def test_seconds(value: float, text: str) -> None:
    assert words.seconds(value) == text


def test_clock() -> None:
    assert words.clock(3672.9) == "01:01:12"


@pytest.mark.parametrize(
    ("number", "text"),
    [(9, "SIGKILL"), (7, "SIGBUS"), (0, "no signal"), (None, "unknown signal"), (77, "signal 77")],
)
def test_signal_name(number: int | None, text: str) -> None:
    assert words.signal_name(number) == text


def test_task_name() -> None:
    assert words.task_name("appd", 377, 377) == "appd[377]"
    assert words.task_name("appd", 377, 381) == "appd[377/381]"


@pytest.mark.parametrize(
    ("killed", "text"),
    [
        (Killed("oom", 9, 388, "sh", 1.0), "killed by the OOM killer, invoked by sh[388]"),
        (
            Killed("oom", 9, 388, "sh", 1.0, "mm"),
            "killed by the OOM killer, as it shares the victim's mm, invoked by sh[388]",
        ),
        (
            Killed("oom", 9, None, None, None),
            "killed by the OOM killer before tracing started",
        ),
        (Killed("signal", 9, 388, "sh", 1.0), "killed by sh[388]"),
        (Killed("signal", 9, None, None, None), "SIGKILL was pending before tracing started"),
        (Killed("signal", 15, 388, "sh", 1.0), "killed by sh[388] with SIGTERM"),
        (Killed("exit", 9, None, None, None), "killed by the exit of its own process"),
    ],
)
def test_killed_by(killed: Killed, text: str) -> None:
    assert words.killed_by(killed) == text


@pytest.mark.parametrize(
    ("state", "answer"),
    [
        ("killable", "yes"),
        ("interruptible", "yes"),
        ("uninterruptible", "no"),
        ("frozen", "no"),
        ("exiting", "no"),
        ("running", "awake"),
    ],
)
def test_killable_is_told_by_the_state_also_without_a_stack(state: str, answer: str) -> None:
    finding = StuckTask(
        status="open",
        id="stuck-20",
        t=103.0,
        pid=20,
        tid=20,
        comm="appd",
        state=state,
        stuck_s=2.0,
        killed=Killed("signal", 9, 10, "sh", 101.0),
        wait=None,
        stack=(),
        blocked_by=(),
    )
    assert words.killable(finding) == answer


def test_plurals() -> None:
    assert words.count(1, "zombie") == "1 zombie"
    assert words.count(2, "process") == "2 processes"


def test_a_moment_has_the_time_of_day() -> None:
    assert words.moment(session(wall="2026-11-21T23:59:59Z"), 102.5) == "2.500s (00:00:01Z)"
    assert words.moment(session(wall="?"), 102.5) == "2.500s"


CONTAINER = "4f1c2d3e5a6b7c8d" * 4


@pytest.mark.parametrize(
    ("known", "text"),
    [
        ({}, ""),
        ({"container": CONTAINER}, "in container 4f1c2d3e5a6b"),
        ({"container": CONTAINER, "runtime": "docker"}, "in container 4f1c2d3e5a6b (docker)"),
        (
            {
                "container": CONTAINER,
                "runtime": "containerd",
                "pod": "0f5b",
                "container_name": "app",
                "pod_name": "web-0",
                "namespace": "shop",
            },
            "in container app (4f1c2d3e5a6b, containerd) of pod shop/web-0",
        ),
        ({"unit": "cron.service"}, "of cron.service"),
    ],
)
def test_whose_a_task_is(known: dict[str, str], text: str) -> None:
    assert words.belongs_to(replace(FINDING, **known)) == text  # type: ignore[arg-type]

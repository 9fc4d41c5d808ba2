"""Detectors get only the kinds of events that they say they take: these must be all that they, and
what they feed in turn, look at."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator

import pytest

from ktrace import events
from ktrace.detectors.detector import Detector, Run
from ktrace.detectors.kills import Kills
from ktrace.problems import PROBLEMS
from tests.factories import session

pytestmark = pytest.mark.unit

DETECTORS = [problem.detector_type() for problem in PROBLEMS]


@pytest.mark.parametrize("kind", DETECTORS, ids=lambda kind: kind.__name__)
def test_what_a_detector_looks_at_it_takes(kind: type[Detector]) -> None:
    assert kind.takes is not None
    detector = Run(session(), Kills()).of(kind)
    looked_at = {name for fed in _fed(detector) for name in _kinds_in(type(fed).feed)}
    assert looked_at
    assert looked_at == {taken.__name__ for taken in kind.takes}


def _fed(one: object) -> Iterator[object]:
    """The detector, and its parts that are fed by it; others, and the ledger, are fed before it."""
    yield one
    for part in vars(one).values():
        if hasattr(part, "feed") and not isinstance(part, Detector | Kills):
            yield from _fed(part)


def _kinds_in(feed: object) -> Iterator[str]:
    """Names of the kinds of events that its source tells apart."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(feed)))  # type: ignore[arg-type]
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in events.__all__ and node.id != "Event":
            yield node.id

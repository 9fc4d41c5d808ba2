"""Readers of untrusted files, attacked for some seconds; `make fuzz` does it for ten minutes.

What it finds goes into corpus/, named after the target: trace-..., log-..., agent-...
"""

import json
import os
import random
import re
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.mutate import Mutation, bytes_mutations, frame_mutations, json_mutations, signed
from tests.fuzz.targets import TARGETS, attack, seeds

pytestmark = [
    pytest.mark.unit,
    # what failed is told, however long the input is
    pytest.mark.filterwarnings("ignore::hypothesis.errors.HypothesisWarning"),
]

SECONDS = float(os.environ.get("KTRACE_FUZZ_SECONDS", "3"))  # for each target
_EXAMPLES = 50  # between two looks at the clock
_FORBIDDEN = re.compile(
    "(?!\x1b\\[(1;31)?m)[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]"
)


def mutations(name: str) -> st.SearchStrategy[Mutation]:
    if name in ("trace", "formats"):
        return bytes_mutations() | json_mutations(signed) | json_mutations(signed)
    if name == "agent":
        return bytes_mutations() | frame_mutations() | frame_mutations()
    if name == "state":
        return bytes_mutations() | json_mutations(lambda record: json.dumps(record).encode())
    return bytes_mutations()


@pytest.mark.parametrize("name", TARGETS)
def test_seeds(name: str, tmp_path: Path) -> None:
    for data in seeds(name):
        shown = attack(name, tmp_path / "input", data)
        assert not _FORBIDDEN.search(shown)


@pytest.mark.parametrize("name", TARGETS)
def test_fuzz(name: str, tmp_path: Path) -> None:
    end = time.monotonic() + SECONDS
    first = random.randrange(2**32)
    rounds = 0
    while rounds == 0 or time.monotonic() < end:
        fuzz_round(name, tmp_path / "input", first + rounds)
        rounds += 1
    print(f"fuzzed {name}: {rounds * _EXAMPLES} inputs, seeds {first} to {first + rounds - 1}")


def fuzz_round(name: str, path: Path, number: int) -> None:
    """Raises what an input leads to, made as short as can be."""

    @seed(number)
    @settings(
        max_examples=_EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(seeds(name)), st.lists(mutations(name), min_size=1, max_size=4))
    def check(data: bytes, changes: list[Mutation]) -> None:
        for change in changes:
            data = change(data)
        shown = attack(name, path, data)
        assert not _FORBIDDEN.search(shown), data

    check()

"""Every kind of report behind every prefix, and joined with every other one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.sources.log.alarms.test_alarms import CASES
from tests.sources.log.forms import STAMPED, UNSTAMPED
from tests.sources.log.samples import (
    HUNG,
    OOM_2_6_31,
    OOM_6_1,
    V3_10,
    V4_9,
    V6_1,
    V6_12,
    LogEvent,
    events_of,
    stamped,
)
from tests.sources.log.test_free_lists import DMA32, FRAGMENTED, HEAD
from tests.sources.log.test_held_locks import LOCKS, WORKER
from tests.sources.log.test_machine_check import AMD_NORTHBRIDGE, INTEL

pytestmark = pytest.mark.unit

ALARMS = [case[0] for case in CASES]
OTHERS = [
    *(V3_10, V4_9, V6_1, V6_12, HUNG, OOM_2_6_31, OOM_6_1),
    HEAD + DMA32 + FRAGMENTED,
    WORKER + LOCKS,
    "\n".join(INTEL) + "\n",
    "\n".join(AMD_NORTHBRIDGE) + "\n",
]
KINDS = [*ALARMS, *OTHERS]
# What breaks lines cannot be undone where a name or a path has spaces; what indents or quotes, or
# has no prefix, leaves lines as they are
BREAKING = {"mailer", "terminal", "no indentation", "quoted-printable", "netconsole, fragments"}
# Where a name begins behind a prefix of no known form, one line alone does not show
UNKNOWN = {"hypervisor", "Spreadtrum", "Kubernetes", "a test's name first"}
FORMS = [form for form in STAMPED if form not in BREAKING]
BANNER = "Linux version 6.1.{} (a@b) #1 SMP\n"


def told(log: str) -> list[LogEvent]:
    """Without when, in which boot, and where in the log."""
    events = [replace(event, t=0.0, boot="") for event in events_of(log)]
    return [
        replace(event, lines=()) if hasattr(event, "lines") else event  # type: ignore[call-arg]
        for event in events
    ]


@settings(deadline=None, max_examples=150, derandomize=True)
@given(st.sampled_from(KINDS), st.sampled_from(FORMS))
def test_behind_a_prefix(log: str, form: str) -> None:
    assume(form not in UNKNOWN or log.count("\n") > 1)
    assert told(STAMPED[form](log)) == told(stamped(log))


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.sampled_from(KINDS), st.sampled_from(sorted(UNSTAMPED)))
def test_without_the_kernels_stamps(log: str, form: str) -> None:
    assume(form not in UNKNOWN or log.count("\n") > 1)
    assert told(UNSTAMPED[form](log)) == told(log)


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(FORMS)), min_size=2, max_size=4))
def test_joined(parts: list[tuple[str, str]]) -> None:
    """Each log begins with its boot, which ends what the one before left open."""
    logs = [STAMPED[form](BANNER.format(i) + log) for i, (log, form) in enumerate(parts)]
    alone = [event for log in logs for event in told(log)]
    assert told("".join(logs)) == alone

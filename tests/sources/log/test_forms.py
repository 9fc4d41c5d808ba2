"""A report says the same behind every prefix, and logs say together what each says alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ktrace.sources.log.text import Decoder
from tests.sources.log.alarms.test_alarms import CASES
from tests.sources.log.forms import STAMPED, UNSTAMPED
from tests.sources.log.samples import (
    HUNG,
    OOM_6_1,
    V4_9,
    V6_1,
    V6_12,
    LogEvent,
    events_of,
    stamped,
)

pytestmark = pytest.mark.unit

OOPS = CASES[1][0]
KASAN = CASES[6][0]
LOGS = {"bad page": V6_1, "bad page 4.9": V4_9, "hung": HUNG, "oom": OOM_6_1, "oops": OOPS}
# a comm and a cgroup with spaces cannot survive a mailer
WRAPPED = {"mailer", "terminal"}


def told(event: LogEvent) -> LogEvent:
    """Without when, in which boot, and where in the log."""
    event = replace(event, t=0.0, boot="")
    return replace(event, lines=()) if hasattr(event, "lines") else event  # type: ignore[call-arg]


def test_there_are_many_forms() -> None:
    assert len(STAMPED) + len(UNSTAMPED) >= 75


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("form", STAMPED)
def test_with_time_stamps(form: str, log: str) -> None:
    (found,) = events_of("something else before\n" * 50 + STAMPED[form](LOGS[log]))
    (plain,) = events_of(LOGS[log])
    assert told(found) == told(plain)
    assert found.t == pytest.approx(100.0, abs=0.05)


@pytest.mark.parametrize("log", LOGS)
@pytest.mark.parametrize("form", UNSTAMPED)
def test_without_time_stamps(form: str, log: str) -> None:
    (found,) = events_of(UNSTAMPED[form](LOGS[log]))
    (plain,) = events_of(LOGS[log])
    assert told(found) == told(plain)


REPORTS = st.lists(
    st.sampled_from([V6_1, V6_12, HUNG, OOM_6_1, OOPS, KASAN]), min_size=1, max_size=4
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(sorted(STAMPED)), REPORTS), min_size=1, max_size=3))
def test_logs_that_are_joined_say_what_each_says(parts: list[tuple[str, list[str]]]) -> None:
    """Each log begins with the kernel's first line, which ends what the one before left open."""
    logs = [
        STAMPED[form](f"Linux version 6.1.{i} (a@b) #1 SMP\n" + "".join(reports))
        for i, (form, reports) in enumerate(parts)
    ]
    alone = [told(event) for log in logs for event in events_of(log)]
    assert [told(event) for event in events_of("".join(logs))] == alone
    assert len(alone) == sum(len(reports) for _, reports in parts)


@pytest.mark.parametrize("other", ["journalctl -o export", "journalctl -o verbose", "/dev/kmsg"])
@pytest.mark.parametrize("first", [True, False])
def test_quoted_printable_beside_a_journal(other: str, first: bool) -> None:
    """ "_BOOT_ID=58" and "__MONOTONIC_TIMESTAMP=100123" look as if they were encoded."""
    plain = STAMPED[other]("Linux version 6.1.1 (a@b) #1 SMP\n" + KASAN + OOM_6_1 + KASAN)
    mail = STAMPED["quoted-printable"]("Linux version 6.1.2 (a@b) #1 SMP\n" + V6_12 + OOPS)
    logs = [mail, plain] if first else [plain, mail]
    alone = [told(event) for log in logs for event in events_of(log)]
    assert len(alone) == 5
    assert [told(event) for event in events_of("".join(logs))] == alone


def test_what_no_encoder_encodes_stays() -> None:
    decoder = Decoder()
    chunk = (
        b"Content-Transfer-Encoding: quoted-printable\n_BOOT_ID=58\nMESSAGE=20\nMESSAGE=3D20\n"
        b"a=3Db=20c=2E=\n\n=46rom me\na=41\n"
    )
    lines = decoder.lines(*decoder.text(chunk))
    assert lines[1:] == [
        "_BOOT_ID=58",
        "MESSAGE=20",
        "MESSAGE=20",
        None,
        "a=b c.",
        "From me",
        "a=41",
    ]


@settings(deadline=None, max_examples=60)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=20), REPORTS)
def test_any_prefix(prefix: str, reports: list[str]) -> None:
    """Whatever stands before the lines, nothing fails, and what is found is found once."""
    found = events_of("".join(f"{prefix}{line}\n" for log in reports for line in log.splitlines()))
    assert len(found) <= len(reports)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(sorted(LOGS)), min_size=2, max_size=2, unique=True))
def test_another_tasks_lines_do_not_leak(names: list[str]) -> None:
    """Two CPUs print line by line in turn; the printing task tells them apart."""
    logs = [LOGS[name].splitlines() for name in names]
    mixed = []
    for i in range(max(map(len, logs))):
        mixed += [
            f"[  100.{i:06}][  T{7 + which}] {log[i]}"
            for which, log in enumerate(logs)
            if i < len(log)
        ]
    found = {type(event).__name__: told(event) for event in events_of("\n".join(mixed))}
    for name in names:
        (alone,) = events_of(stamped(LOGS[name]))
        assert found[type(alone).__name__] == told(alone) or len({*found}) == 1

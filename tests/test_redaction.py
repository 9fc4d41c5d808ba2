"""A report that can be shared."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ktrace.events import Task, TaskWait, to_json
from ktrace.findings import CommandEnd, Session
from ktrace.redaction import Redaction, hide_addresses
from tests.comparison.runs import bad_page
from tests.factories import activity, kill, oom_kill, session, state
from tests.live.test_nameless import KEPT, KINDS, SECRET
from tests.test_examples import EXAMPLES
from tests.tracer import ktrace
from tests.views.hostile import sample

pytestmark = pytest.mark.unit


def test_names_are_pseudonyms_the_same_for_the_same() -> None:
    redaction = Redaction()
    first, second = (redaction.of(kill(1.0, Task(n, n, "secretd"))) for n in (1, 2))
    assert first.target.comm == second.target.comm == "task2"
    assert (first.by.comm, second.target.pid) == ("task1", 2)
    killed = redaction.of(replace(oom_kill(1.0), cgroup="/app.slice/secret.service"))
    assert killed.cgroup == "/cg1/cg2"
    assert redaction.of(activity(1.0, 1, memcg="/app.slice")).memcg == "/cg1"
    assert redaction.of(activity(1.0, 1, memcg=None)).memcg is None
    head = redaction.of(session(host="secrethost", warnings=("cannot read /home/secret",)))
    assert (head.host, head.warnings) == ("host1", ("...",))
    assert head.probes == session().probes


def test_arguments_and_owners_are_left_out() -> None:
    end = CommandEnd(
        argv=("curl", "-u", "me:secret"), pid=1, outcome="exited", status=0, signal=None,
        by_ktrace=False, ran_s=1.0, why="", strict=False,
    )  # fmt: skip
    assert Redaction().of(end).argv == ("...",)
    page = replace(bad_page(1.0), owner=("allocated by pid 1 (secretd)",), memcg="0x10")
    redacted = Redaction().of(page)
    assert (redacted.owner, redacted.memcg) == (("...",), "0x10")


def test_symbols_stay_and_addresses_go() -> None:
    frame = "squashfs_cache_get+0x323 [squashfs]"
    assert Redaction().of(state(1.0, stack=(frame,))).stack == (frame,)
    assert Redaction().of(state(1.0, stack=("0xffffffff81000000",))).stack == ("(address)",)
    text = f"{frame} 0xffff888004561200 ffffffff81000000 0x1fa848c0 1-ffff"
    assert hide_addresses(text) == f"{frame} (address) (address) 0x1fa848c0 1-ffff"


@pytest.mark.parametrize("kind", KINDS, ids=[kind.__name__ for kind in KINDS])
def test_a_name_in_any_field_is_gone(kind: Any) -> None:
    plain = replace(sample(Session, SECRET), filter=None) if kind is Session else None
    record = Redaction().of(plain or sample(kind, SECRET))
    left = [(name, value) for name, value in texts(record) if SECRET in value]
    assert {name for name, _ in left} <= KEPT | {name.rpartition(".")[2] for name in KEPT}


def texts(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Each text of a record, with the name of its member."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, tuple):
        for item in value:
            yield from texts(item, name)
    elif is_dataclass(value):
        for item in fields(value):
            yield from texts(getattr(value, item.name), item.name)


def test_what_a_task_waits_for_may_have_names_in_it() -> None:
    """A server's name, a network device's, a file with blanks in its name."""
    wait = TaskWait(
        t=1.0, task=Task(1, 1, "x"), start_t=0.0, switches=1, wait="nfs", object="0x1",
        detail="READ to nas.secret.example, on /home/My Secrets/disk", evidence=("secret",),
        holders=(), waiters=0, target="/mnt/Secret files",
    )  # fmt: skip
    redacted = Redaction().of(wait)
    assert (redacted.detail, redacted.target, redacted.wait) == ("...", "target1", "nfs")
    assert "ecret" not in json.dumps(to_json(redacted))


TRACES = sorted(map(str, EXAMPLES.glob("*/*.ktrace*")))


@pytest.mark.parametrize("style", ["text", "json"])
@pytest.mark.parametrize("trace", TRACES, ids=[Path(trace).name for trace in TRACES])
def test_the_same_verdict_without_names(trace: str, style: str) -> None:
    plain = ktrace("report", "--format", style, trace)
    done = ktrace("report", "--format", style, "--redact", trace)
    assert done.returncode == plain.returncode
    from ktrace.trace.reader import TraceFile

    with TraceFile(trace) as read:
        records = [to_json(record) for record in read.records()]
        host = read.session.host
    names = set(re.findall(r'"comm": "([^"]{5,})"', json.dumps(records))) - {
        "ktrace",
        "respawn",
        "victim",
    }  # words of ktrace
    for name in {*names, host}:
        assert not re.search(rf"\b{re.escape(name)}\b", done.stdout), name
    assert not re.search(r"ffff[89a-f][0-9a-f]{11}", done.stdout)

"""Least privilege on this machine's kernel: who may trace, what is given up, what children have."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ktrace.kernel.capabilities import Capability as C
from ktrace.kernel.capabilities import effective
from ktrace.privileges import admin_later
from tests import stuck_tasks
from tests.kernel.test_capabilities import status
from tests.live.test_confinement import ALWAYS
from tests.tracer import KTRACE, LIMIT_S, ktrace

pytestmark = pytest.mark.kernel

NOBODY = 65534


def with_capabilities(*names: str) -> list[str]:
    """How ktrace is run by a user who has these, and no others."""
    sets = "-all" + "".join(f",+{name}" for name in names)
    who = ["--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
    having = [f"--{kind}={sets}" for kind in ("inh-caps", "ambient-caps", "bounding-set")]
    return ["setpriv", *who, *having, *KTRACE]


def bits(capabilities: set[C]) -> int:
    return sum(1 << number for number in capabilities & effective())


@contextmanager
def running(*arguments: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A run that has given up what it does."""
    process = subprocess.Popen([*KTRACE, *arguments], stdout=subprocess.PIPE, text=True, **options)
    try:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["kind"] == "session"
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=LIMIT_S)


def status_of(pid: int | str) -> dict[str, int]:
    return status(Path(f"/proc/{pid}/status").read_text())


def test_every_thread_gives_up_what_it_needs_no_more(tmp_path: Path) -> None:
    more = {C.CAP_CHOWN, C.CAP_DAC_OVERRIDE, C.CAP_FOWNER}
    state = str(tmp_path / "state")
    with running("bad-page", "--json", "--state", state, "-d", "60") as process:
        threads = [*Path(f"/proc/{process.pid}/task").iterdir()]
        assert threads
        for thread in threads:
            end = time.monotonic() + LIMIT_S
            while not status((thread / "status").read_text())["NoNewPrivs"]:
                assert time.monotonic() < end, thread
                time.sleep(0.01)
            sets = status((thread / "status").read_text())
            perhaps = bits({C.CAP_DAC_READ_SEARCH})
            assert sets["CapEff"] & ~perhaps == bits(ALWAYS | more)
            aside = {C.CAP_SYS_ADMIN} if admin_later(asks=False) else set()
            assert sets["CapPrm"] & ~perhaps == bits(ALWAYS | more | aside)
            assert (sets["CapBnd"], sets["CapAmb"], sets["CapInh"]) == (0, 0, 0)


def test_the_process_that_writes_the_trace_gives_up_all(tmp_path: Path) -> None:
    trace = str(tmp_path / "run.ktrace")
    with running("oom-hang", "--json", "-o", trace, "-d", "60") as process:
        (writer,) = stuck_tasks.children(process.pid)
        stuck_tasks.wait_until("it has", lambda: status_of(writer)["NoNewPrivs"])
        sets = status_of(writer)
    assert sets["CapEff"] == sets["CapPrm"] == bits({C.CAP_IPC_LOCK})


def test_command_is_root_s_all_the_same(tmp_path: Path) -> None:
    told = tmp_path / "told"
    done = ktrace("oom-hang", "--", "sh", "-c", f"sleep 0.5; cat /proc/self/status >{told}")
    assert done.returncode in (0, 4)
    assert status(told.read_text()) == status_of("self")


def test_command_of_another_user() -> None:
    code = "id -u; id -G; echo $HOME; cat /proc/self/oom_score_adj; grep CapEff /proc/self/status"
    done = ktrace("oom-hang", "--command-user", "nobody", "--", "sh", "-c", code)
    here = Path("/proc/self/oom_score_adj").read_text().strip()
    groups = " ".join(map(str, os.getgrouplist("nobody", NOBODY)))
    wanted = [str(NOBODY), groups, "/nonexistent", here, "CapEff:\t0000000000000000"]
    lines = done.stdout.splitlines()
    assert lines[lines.index(str(NOBODY)) :][: len(wanted)] == wanted


def acted(*options: str, **more: Any) -> tuple[str, dict[str, int]]:
    """User id and sets of an action of a run that finds a stuck task."""
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are root's alone
        os.chmod(folder, 0o777)
        told, done = Path(folder, "told"), Path(folder, "done")
        action = f"shell:(id -u; cat /proc/self/status) >{told}; touch {done}"
        arguments = ("oom-hang", "--json", "-d", "60", "--on-finding", action, *options)
        with stuck_tasks.frozen_file_system() as frozen:
            stuck_tasks.kill(frozen.writer().pid)
            with running(*arguments, **more):
                stuck_tasks.wait_until("the action has run", done.exists)
        user, _, sets = told.read_text().partition("\n")
    return user, status(sets)


def test_an_action_has_no_capabilities() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "SUDO_UID"}
    user, sets = acted(env=environment)
    assert (user, sets["CapEff"], sets["CapPrm"], sets["NoNewPrivs"]) == ("0", 0, 0, 1)


def test_under_sudo_an_action_is_the_user_s() -> None:
    user, sets = acted(env=os.environ | {"SUDO_UID": str(NOBODY)})
    assert (user, sets["CapEff"], sets["CapPrm"], sets["NoNewPrivs"]) == (str(NOBODY), 0, 0, 1)


def test_an_action_with_all_privileges() -> None:
    environment = os.environ | {"SUDO_UID": str(NOBODY)}
    user, sets = acted("--action-user", "root", env=environment)
    assert (user, sets["CapEff"]) == ("0", status_of("self")["CapEff"])


@pytest.mark.parametrize("command", ["oom-hang", "stuck"])
def test_a_user_with_the_capabilities_may_trace(command: str) -> None:
    """And reads wait chains after the rest was given up."""
    tracing = with_capabilities("bpf", "perfmon", "syslog")
    with stuck_tasks.frozen_file_system() as frozen:
        pid = frozen.writer().pid
        stuck_tasks.kill(pid)
        limit = ["-d", "3"] if command == "oom-hang" else []
        done = subprocess.run(
            [*tracing, command, "--json", *limit], capture_output=True, text=True, cwd="/"
        )
    assert done.returncode == 1, done.stderr
    records = [json.loads(line) for line in done.stdout.splitlines()]
    warnings = records[0]["warnings"]
    assert "without CAP_SYS_PTRACE: which processes share an mm is not known" in warnings
    found = next(r for r in records if r["kind"] == "finding" and r["tid"] == pid)
    assert found["waits_for"]["kind"] == "frozen-file-system"


@pytest.mark.parametrize("lacks", ["bpf", "perfmon"])
def test_a_user_without_one_of_them_may_not(lacks: str) -> None:
    names = {"bpf", "perfmon", "syslog"} - {lacks}
    done = subprocess.run(
        [*with_capabilities(*names), "oom-hang", "-d", "0"], capture_output=True, text=True, cwd="/"
    )
    assert done.returncode == 3
    assert "tracing needs root, or the capabilities CAP_BPF and CAP_PERFMON" in done.stderr


def test_what_is_lost_without_names() -> None:
    done = subprocess.run(
        [*with_capabilities("bpf", "perfmon"), "record", "-o", "/dev/null", "-d", "0.2"],
        capture_output=True, text=True, cwd="/",
    )  # fmt: skip
    assert done.returncode == 4
    assert "kernel addresses are hidden (it takes CAP_SYSLOG): stacks show numbers" in done.stderr
    assert "wait chains are not read: kernel addresses are hidden" in done.stderr


def test_doctor_knows_what_it_has() -> None:
    tracing = with_capabilities("bpf", "perfmon", "ipc_lock")
    done = subprocess.run([*tracing, "doctor"], capture_output=True, text=True, cwd="/")
    rows = {words[0]: words[1] for line in done.stdout.splitlines() if (words := line.split())}
    assert rows["CAP_BPF"] == rows["CAP_PERFMON"] == rows["CAP_IPC_LOCK"] == "yes"
    assert rows["CAP_SYSLOG"] == rows["CAP_SYS_PTRACE"] == rows["CAP_SYS_RESOURCE"] == "NO"
    assert "lost: the OOM killer may kill ktrace" in done.stdout
    assert "not read: kernel addresses are hidden" in done.stdout

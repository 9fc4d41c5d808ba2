"""What a run keeps, by its options."""

from __future__ import annotations

from pathlib import Path

import pytest

from ktrace import privileges
from ktrace.kernel.capabilities import Capability as C
from ktrace.live import confinement
from ktrace.live.confinement import kept
from ktrace.live.identity import Identity
from ktrace.live.options import Options
from tests.live.test_identity import NOBODY

pytestmark = pytest.mark.unit

ALWAYS = {C.CAP_BPF, C.CAP_PERFMON, C.CAP_SYSLOG, C.CAP_SYS_PTRACE, C.CAP_IPC_LOCK, C.CAP_SYS_NICE}
OWN = Identity(None, False)
OTHER = Identity(NOBODY, False)


@pytest.fixture(autouse=True)
def new_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confinement, "last_known", lambda: 40)


@pytest.mark.parametrize(
    ("options", "loader", "actions", "more"),
    [
        ({}, "libbpf", None, set()),
        ({}, "bcc", None, {C.CAP_SYS_ADMIN}),
        ({"record": "x"}, "libbpf", None, set()),
        ({"state": "x"}, "libbpf", None, {C.CAP_CHOWN, C.CAP_DAC_OVERRIDE, C.CAP_FOWNER}),
        ({"record": "x", "spill": "/home"}, "libbpf", None, {C.CAP_DAC_OVERRIDE}),
        ({"run": ("true",)}, "libbpf", None, {C.CAP_KILL}),
        ({"on_finding": "stop"}, "libbpf", None, set()),
        ({"on_finding": "shell:true"}, "libbpf", OWN, {C.CAP_KILL}),
        ({"on_finding": "shell:true"}, "libbpf", OTHER, {C.CAP_KILL, C.CAP_SETUID, C.CAP_SETGID}),
    ],
)
def test_kept(options: dict[str, object], loader: str, actions: Identity, more: set[C]) -> None:
    given = Options(command="record", **options)  # type: ignore[arg-type]
    assert kept(given, loader, actions) == ALWAYS | more


def test_a_kernel_without_cap_bpf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confinement, "last_known", lambda: 37)
    assert C.CAP_SYS_ADMIN in kept(Options(command="record"), "libbpf", None)


def test_a_failure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(confinement, "restrict", refuse)
    told = confinement.confine(Options(command="record"), "libbpf", None)
    assert told == "privileges cannot be given up: Operation not permitted"


@pytest.mark.parametrize(
    ("disabled", "paranoid", "asks", "uses"),
    [
        (None, "2", False, []),  # a kernel without modules
        ("1", "2", False, []),
        ("0", "2", False, ["probes in modules that are loaded later"]),
        ("?", "2", False, ["probes in modules that are loaded later"]),
        ("1", "3", False, ["samples of running tasks"]),
        ("1", "", False, ["samples of running tasks"]),
        ("1", "-1", True, ["what programs cost, on a screen"]),
    ],
)
def test_sys_admin_is_put_aside_only_for_what_may_come(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    disabled: str | None,
    paranoid: str,
    asks: bool,
    uses: list[str],
) -> None:
    for name, text in (
        ("modules", disabled),
        ("modules_disabled", disabled),
        ("paranoid", paranoid),
    ):
        monkeypatch.setattr(privileges, f"_{name.upper()}", str(tmp_path / name))
        if text is not None:
            (tmp_path / name).write_text(text)
    assert privileges.admin_later(asks) == uses
    given: list[object] = []
    monkeypatch.setattr(confinement, "restrict", lambda *args, **_: given.append(args))
    confinement.confine(Options(command="record"), "libbpf", None, asks=asks)
    assert given[-1][1] == ({C.CAP_SYS_ADMIN} if uses else ())  # type: ignore[index]

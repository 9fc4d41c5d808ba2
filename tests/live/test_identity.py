"""As whom COMMAND and actions run."""

from __future__ import annotations

import os
import pwd

import pytest

from ktrace.errors import UsageError
from ktrace.live import identity
from ktrace.live.children import Children
from ktrace.live.identity import of_actions, of_command
from ktrace.live.options import Options

pytestmark = pytest.mark.unit

NOBODY = pwd.getpwnam("nobody")


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch) -> None:
    """As root sees it, whoever runs the test."""
    monkeypatch.setattr(identity.os, "geteuid", lambda: 0)
    monkeypatch.setattr(identity, "effective", lambda: frozenset(range(41)))
    monkeypatch.delenv("SUDO_UID", raising=False)


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity.os, "geteuid", lambda: 1234567)
    monkeypatch.setattr(identity, "effective", frozenset)


@pytest.mark.usefixtures("root")
def test_root_s_actions_have_no_capabilities() -> None:
    actions = of_actions(None)
    assert (actions.user, actions.privileged, actions.changes_user) == (None, False, False)


@pytest.mark.usefixtures("root")
def test_under_sudo_they_are_the_user_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_UID", str(NOBODY.pw_uid))
    actions = of_actions(None)
    assert (actions.user, actions.privileged) == (NOBODY, False)
    assert NOBODY.pw_gid in actions.groups
    assert actions.environment()["HOME"] == NOBODY.pw_dir
    assert actions.environment()["USER"] == "nobody"


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("number", ["0", "", "-1", "x", "4294967290", "9" * 40])
def test_what_is_no_other_user(monkeypatch: pytest.MonkeyPatch, number: str) -> None:
    monkeypatch.setenv("SUDO_UID", number)
    assert (of_actions(None).user, of_actions(None).privileged) == (None, False)


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("name", ["root", "0"])
def test_all_privileges_when_asked_for(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("SUDO_UID", str(NOBODY.pw_uid))
    assert (of_actions(name).user, of_actions(name).privileged) == (None, True)


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(("name", "told"), [("root", True), ("nobody", False), (None, False)])
def test_what_is_kept_for_actions_is_told(name: str | None, told: bool) -> None:
    options = Options(command="oom-hang", on_finding="shell:true", action_user=name)
    warnings = Children.of(options).warnings()
    assert any("put aside, not given up" in warning for warning in warnings) is told


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("name", ["nobody", str(NOBODY.pw_uid)])
def test_another_user(name: str) -> None:
    assert (of_actions(name).user, of_actions(name).privileged) == (NOBODY, False)
    assert of_command(name).user == NOBODY


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("name", ["no-such-user", "9" * 40, "\0", "\u0663"])
def test_no_such_user(name: str) -> None:
    with pytest.raises(UsageError, match="there is no user"):
        of_actions(name)
    with pytest.raises(UsageError, match="there is no user"):
        of_command(name)


@pytest.mark.usefixtures("root")
def test_command_is_root_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """`sudo ktrace oom-hang -- make test` as `sudo make test`."""
    monkeypatch.setenv("SUDO_UID", str(NOBODY.pw_uid))
    command = of_command(None)
    assert (command.user, command.privileged, command.environment()) == (None, True, {})


@pytest.mark.usefixtures("user")
def test_only_root_can_become_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_UID", str(NOBODY.pw_uid))  # of a sudo long ago
    assert (of_actions(None).user, of_actions(None).privileged) == (None, False)
    for refused in (of_actions, of_command):
        with pytest.raises(UsageError, match="only root can run something as another user"):
            refused("nobody")


def test_its_own_name_changes_nothing() -> None:
    own = pwd.getpwuid(os.geteuid()).pw_name
    assert of_command(own).user is None
    assert of_actions(own).privileged == (os.geteuid() == 0)

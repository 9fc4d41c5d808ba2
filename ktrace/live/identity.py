"""As whom COMMAND and actions run.

COMMAND runs as if ktrace was not there: as the user who runs ktrace, like that of strace and perf;
`sudo ktrace oom-hang -- make test` is root's `make test`. Nobody typed an action at that moment:
it runs without privileges, under sudo as the user who called it.
"""

import os
import pwd
from collections.abc import Callable, Mapping

from ktrace.errors import UsageError
from ktrace.kernel.capabilities import Capability, effective, forget_ambient, restrict
from ktrace.record import record


@record
class Identity:
    """user: whose uid, groups and home a child gets; None: ktrace's own."""

    user: pwd.struct_passwd | None
    privileged: bool  # it may have all that ktrace was started with
    groups: tuple[int, ...] = ()

    @property
    def changes_user(self) -> bool:
        return self.user is not None

    def environment(self) -> Mapping[str, str]:
        """What of it is the user's."""
        if self.user is None:
            return {}
        name, home = self.user.pw_name, self.user.pw_dir
        shell = self.user.pw_shell or "/bin/sh"
        return {"USER": name, "LOGNAME": name, "HOME": home, "SHELL": shell}

    def setup(self, first: Callable[[], None]) -> Callable[[], None]:
        """For subprocess's preexec_fn; first: what is to be done with ktrace's own identity."""

        def become() -> None:
            first()
            if self.user is not None:
                os.setgroups(self.groups)
                os.setresgid(*[self.user.pw_gid] * 3)
                os.setresuid(*[self.user.pw_uid] * 3)
            if self.privileged:
                forget_ambient()
            else:
                restrict(())

        return become


def of_command(name: str | None) -> Identity:
    """name: of --command-user. Raises UsageError."""
    user = _other_user(name, "--command-user") if name else None
    return Identity(user, True, _groups(user))


def of_actions(name: str | None) -> Identity:
    """name: of --action-user. Raises UsageError."""
    if name:
        user = _other_user(name, "--action-user")
        return Identity(user, user is None and os.geteuid() == 0, _groups(user))
    user = _who_called_sudo() if os.geteuid() == 0 else None
    return Identity(user, False, _groups(user))


def _other_user(name: str, option: str) -> pwd.struct_passwd | None:
    """None: it is the one that ktrace runs as."""
    try:
        user = pwd.getpwuid(int(name)) if name.isascii() and name.isdigit() else pwd.getpwnam(name)
    except (KeyError, OverflowError, ValueError):
        raise UsageError(f"{option}: there is no user {name}") from None
    if user.pw_uid == os.geteuid():
        return None
    if not effective().issuperset((Capability.CAP_SETUID, Capability.CAP_SETGID)):
        raise UsageError(f"{option} {name}: only root can run something as another user")
    return user


def _who_called_sudo() -> pwd.struct_passwd | None:
    number = os.environ.get("SUDO_UID", "")
    if not number.isascii() or not number.isdigit() or int(number) == 0:
        return None
    try:
        return pwd.getpwuid(int(number))
    except (KeyError, OverflowError):
        return None


def _groups(user: pwd.struct_passwd | None) -> tuple[int, ...]:
    return tuple(os.getgrouplist(user.pw_name, user.pw_gid)) if user else ()

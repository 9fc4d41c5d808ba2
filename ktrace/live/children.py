"""What COMMAND and actions need to be started as."""

from collections.abc import Callable

from ktrace import survival
from ktrace.live.identity import Identity, of_actions, of_command
from ktrace.live.options import Options
from ktrace.record import record


@record
class Children:
    """actions: None where the run has none."""

    command: Identity
    actions: Identity | None
    restore: Callable[[], None]  # what survive() changes and a child inherits

    @classmethod
    def of(cls, options: Options) -> "Children":
        """Call it before survive(). Raises UsageError."""
        acts = (options.on_finding or "").startswith("shell:")
        return cls(
            of_command(options.command_user),
            of_actions(options.action_user) if acts else None,
            survival.child_setup(),
        )

    def warnings(self) -> list[str]:
        """What the user should know of it."""
        if self.actions is None or not self.actions.privileged:
            return []
        return ["privileges are put aside, not given up: --action-user root may need them"]

    def setup(self, identity: Identity) -> Callable[[], None]:
        """For subprocess's preexec_fn."""
        return identity.setup(self.restore)

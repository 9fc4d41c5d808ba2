"""A guest that only takes notes, for tests of the order of a scenario's steps."""

from ktrace.lab.guest.guest import Guest


class NotingGuest(Guest):
    """Every command succeeds; whoever is looked at is stuck after SIGKILL."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.started = 0

    def check(self, command: str, timeout: float = 0) -> str:
        self.notes.append(command)
        if command.endswith("& echo $!"):
            self.started += 1
            return f"{100 + self.started}\n"
        if "/status" in command:
            return "State:\tD (disk sleep)\nShdPnd:\t0000000000000100\n"
        if "/parameters/" in command:
            return "7\n"
        return ""

    def throttle(self, disk: str, bytes_per_second: int) -> None:
        self.notes.append(f"throttle {disk} {bytes_per_second}")

    def first(self, text: str) -> int:
        return next(i for i, note in enumerate(self.notes) if text in note)

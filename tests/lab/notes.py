"""A guest that only takes notes, for tests of the order of a scenario's steps."""

from ktrace.lab.guest.guest import Guest


class NotingGuest(Guest):
    """Every command succeeds; whoever is looked at is stuck after SIGKILL."""

    def __init__(self, oom_kills: int = 3) -> None:
        self.notes: list[str] = []
        self.started = 0
        self.oom_kills = oom_kills

    def check(self, command: str, timeout: float = 0) -> str:
        self.notes.append(command)
        if command.endswith("& echo $!"):
            self.started += 1
            return f"{100 + self.started}\n"
        if "/status" in command:
            return "State:\tD (disk sleep)\nShdPnd:\t0000000000000100\n"
        if "oom_kill" in command:
            return f"oom_kill {self.oom_kills}\n"
        if "/proc/uptime" in command:
            return "12.34 20.00\n"
        if "/parameters/" in command:
            return "7\n"
        return ""

    def throttle(self, disk: str, bytes_per_second: int) -> None:
        self.notes.append(f"throttle {disk} {bytes_per_second}")

    def first(self, text: str) -> int:
        return next(i for i, note in enumerate(self.notes) if text in note)

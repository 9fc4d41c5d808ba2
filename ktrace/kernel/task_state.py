"""What a task really does: task_struct.__state, exit_state and flags taken apart.

The bits are macros of include/linux/sched.h, absent from BTF, and they moved: TASK_PARKED took
0x40 in v4.14 (8ef9925b02c2 "sched/debug: Add explicit TASK_PARKED printing") and pushed
TASK_DEAD, TASK_WAKEKILL, TASK_WAKING and TASK_NOLOAD about. The sched_switch tracepoint prints
the low bits with their letters, so its format text tells which layout a kernel has.
"""

import re

from ktrace.record import record

# include/linux/sched.h since v4.14; TASK_FREEZABLE and TASK_FROZEN since v6.1, f5d39b020809
# ("freezer,sched: Rewrite core freezer logic"). Bits that are new never reuse an old one's place.
SINCE_4_14 = {
    "TASK_INTERRUPTIBLE": 0x1,
    "TASK_UNINTERRUPTIBLE": 0x2,
    "__TASK_STOPPED": 0x4,
    "__TASK_TRACED": 0x8,
    "EXIT_DEAD": 0x10,
    "EXIT_ZOMBIE": 0x20,
    "TASK_PARKED": 0x40,
    "TASK_DEAD": 0x80,
    "TASK_WAKEKILL": 0x100,
    "TASK_WAKING": 0x200,
    "TASK_NOLOAD": 0x400,
    "TASK_NEW": 0x800,
    "TASK_RTLOCK_WAIT": 0x1000,
    "TASK_FREEZABLE": 0x2000,
    "__TASK_FREEZABLE_UNSAFE": 0x4000,
    "TASK_FROZEN": 0x8000,
}

# include/linux/sched.h of v4.2 to v4.13; TASK_NOLOAD came with v4.2, 80ed87c8a9ca
BEFORE_4_14 = {
    "TASK_INTERRUPTIBLE": 0x1,
    "TASK_UNINTERRUPTIBLE": 0x2,
    "__TASK_STOPPED": 0x4,
    "__TASK_TRACED": 0x8,
    "EXIT_DEAD": 0x10,
    "EXIT_ZOMBIE": 0x20,
    "TASK_DEAD": 0x40,
    "TASK_WAKEKILL": 0x80,
    "TASK_WAKING": 0x100,
    "TASK_PARKED": 0x200,
    "TASK_NOLOAD": 0x400,
    "TASK_NEW": 0x800,
}

FROZEN = "frozen"  # a function of kernel/freezer.c since v6.1, f5d39b020809; inline before
PF_EXITING = 0x4  # include/linux/sched.h, never moved
PF_FROZEN = 0x10000  # until v6.0; f5d39b020809 made it a state

# state -> does SIGKILL wake it? None: it is awake already
SIGKILL_WAKES: dict[str, bool | None] = {
    "uninterruptible": False,
    "killable": True,
    "idle": False,
    "interruptible": True,
    "freezable": True,
    "frozen": False,
    "stopped": True,
    "traced": True,
    "parked": False,
    "running": None,
    "exiting": False,
    "zombie": False,
    "unknown": False,
}

MEANING = {
    "uninterruptible": "sleeps until its condition holds; SIGKILL does not wake it",
    "killable": "sleeps, shown as D in /proc; SIGKILL wakes it",
    "idle": "sleeps by design without counting as load; SIGKILL does not wake it",
    "interruptible": "sleeps; any signal wakes it",
    "freezable": "sleeps and may be frozen; any signal wakes it",
    "frozen": "frozen by a freezer; it dies only when it is thawed",
    "stopped": "stopped by job control; SIGKILL wakes it",
    "traced": "stopped by its tracer; SIGKILL wakes it",
    "parked": "a kernel thread that is parked",
    "running": "on a CPU or waiting for one",
    "exiting": "inside do_exit(), on its way out",
    "zombie": "dead, its memory is free; it waits for its parent to read its exit status",
    "unknown": "not a state that ktrace knows",
}


@record
class TaskStates:
    """The state bits of one kernel, and how it marks a frozen task."""

    bits: dict[str, int]
    frozen_is_flag: bool  # PF_FROZEN in task_struct.flags, until v6.0
    origin: str  # where the layout was found, for doctor

    @classmethod
    def from_format(cls, sched_switch: str | None, has_frozen_function: bool) -> "TaskStates":
        """From sched_switch's format text, and whether the kernel has a function frozen():
        it is one of kernel/freezer.c since f5d39b020809 and was inline before."""
        if sched_switch is None:
            # a kernel with BTF (v5.2, e83b9f55448a) is newer than the change in v4.14
            origin = (
                "assumed: tracefs is not mounted or not readable, kernels with BTF have this layout"
            )
            return cls(SINCE_4_14, not has_frozen_function, origin)
        letters = {
            letter: int(value, 0)
            for value, letter in re.findall(r'\{ *(0x[0-9a-f]+|\d+), *"(\w)" *\}', sched_switch)
        }
        bits = BEFORE_4_14 if letters.get("K") == 0x80 else SINCE_4_14
        return cls(bits, not has_frozen_function, "the format of sched:sched_switch")

    def flags(self, state: int) -> str:
        """The names of the bits in task_struct.__state: "TASK_UNINTERRUPTIBLE|TASK_FREEZABLE"."""
        names = [name for name, bit in self.bits.items() if state & bit]
        rest = state & ~sum(self.bits.values())
        if rest:
            names.append(hex(rest))
        return "|".join(names) or "TASK_RUNNING"

    def name(self, state: int, exit_state: int = 0, flags: int = 0) -> str:
        """A key of SIGKILL_WAKES for task_struct.__state, .exit_state and .flags."""

        def has(bit: str) -> bool:
            return bool(state & self.bits.get(bit, 0))

        if exit_state or has("TASK_DEAD") or has("EXIT_ZOMBIE") or has("EXIT_DEAD"):
            return "zombie"
        if has("TASK_FROZEN") or (self.frozen_is_flag and flags & PF_FROZEN and state):
            return "frozen"
        if flags & PF_EXITING:
            return "exiting"
        if has("TASK_UNINTERRUPTIBLE"):
            if has("TASK_NOLOAD"):
                return "idle"
            return "killable" if has("TASK_WAKEKILL") else "uninterruptible"
        if has("TASK_INTERRUPTIBLE"):
            return "freezable" if has("TASK_FREEZABLE") else "interruptible"
        for bit, name in (
            ("__TASK_STOPPED", "stopped"),
            ("__TASK_TRACED", "traced"),
            ("TASK_PARKED", "parked"),
            ("TASK_RTLOCK_WAIT", "uninterruptible"),
        ):
            if has(bit):
                return name
        awake = self.bits["TASK_WAKING"] | self.bits["TASK_NEW"]
        return "unknown" if state & ~awake else "running"

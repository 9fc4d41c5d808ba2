"""Real tasks of the running kernel, put into a chosen state and out of it again.

Everything here is a context manager that undoes what it did. What would leave a task that nobody
can kill (a frozen file system, a frozen cgroup) is undone even when this process is killed: a
guard waits for its end. Where a machine lacks what a state needs, the test is skipped.
"""

from tests.stuck_tasks.cgroups import (
    Cgroup,
    frozen_by_cgroup,
    frozen_in_cgroup,
    io_cost,
    io_limited,
    memory_cgroup,
    throttled,
    unified_cgroup,
)
from tests.stuck_tasks.fanotify import unanswered_fanotify_events
from tests.stuck_tasks.file_systems import file_system, frozen_file_system
from tests.stuck_tasks.fuse import unanswered_fuse_request
from tests.stuck_tasks.journals import stuck_commit
from tests.stuck_tasks.mapped import mapped
from tests.stuck_tasks.network import network_device_in_use
from tests.stuck_tasks.proc import (
    PATIENCE_S,
    children,
    has_sigkill,
    kernel_stack,
    kill,
    state,
    status,
    threads,
    wait_for_state,
    wait_until,
)
from tests.stuck_tasks.programs import Process, compiled, end, program, ready_program, sleeper
from tests.stuck_tasks.squashfs import squashfs
from tests.stuck_tasks.states import (
    entered,
    killable_sleeper,
    spinning_in_kernel,
    starved_eater,
    stopped,
    stopped_at_exit,
    trace,
    traced,
    zombie,
)

__all__ = [
    "PATIENCE_S",
    "Cgroup",
    "Process",
    "children",
    "compiled",
    "end",
    "entered",
    "file_system",
    "frozen_by_cgroup",
    "frozen_file_system",
    "frozen_in_cgroup",
    "has_sigkill",
    "io_cost",
    "io_limited",
    "kernel_stack",
    "kill",
    "killable_sleeper",
    "mapped",
    "memory_cgroup",
    "network_device_in_use",
    "program",
    "ready_program",
    "sleeper",
    "spinning_in_kernel",
    "squashfs",
    "starved_eater",
    "state",
    "status",
    "stopped",
    "stopped_at_exit",
    "stuck_commit",
    "threads",
    "throttled",
    "trace",
    "traced",
    "unanswered_fanotify_events",
    "unanswered_fuse_request",
    "unified_cgroup",
    "wait_for_state",
    "wait_until",
    "zombie",
]

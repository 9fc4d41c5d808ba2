"""The functions that put a task to sleep: in which state, what ends the sleep, since which kernel.

Names and states are those of the headers of include/linux that each family names (include/asm-*
for semaphores in 2.6.24). "since" and "until" are the first and the last of the EXAMINED kernels
whose headers have the member. The older ones are trees of vendors; what is known to be taken over
from a newer kernel there (wait_for_completion_io in 2.6.35) does not count.
"""

from collections.abc import Iterator

from ktrace.kernel.task_state import SIGKILL_WAKES, SINCE_4_14, TaskStates
from ktrace.record import record

EXAMINED = ("2.6.24", "2.6.35", "3.10", "4.1", "4.14", "4.19", "5.10", "6.1", "6.12", "7.2")

# A code in the table below -> what the member puts into task_struct.__state
_STATES = {
    "U": "TASK_UNINTERRUPTIBLE",
    "K": "TASK_WAKEKILL|TASK_UNINTERRUPTIBLE",
    "I": "TASK_INTERRUPTIBLE",
    "F": "TASK_INTERRUPTIBLE|TASK_FREEZABLE",  # until v6.0 without the bit: freezer_count()
    "UF": "TASK_UNINTERRUPTIBLE|TASK_FREEZABLE",
    "D": "TASK_UNINTERRUPTIBLE|TASK_NOLOAD",
    "?": "",  # the caller's choice
}
MACROS = {
    "TASK_WAKEKILL|TASK_UNINTERRUPTIBLE": "TASK_KILLABLE",
    "TASK_UNINTERRUPTIBLE|TASK_NOLOAD": "TASK_IDLE",
}

# Family, header, then members: name, state, "t" for a timeout, since, until (where it is gone)
_TABLE = """
wait_event wait.h
    wait_event U - 2.6.24
    wait_event_timeout U t 2.6.24
    wait_event_hrtimeout U t 3.10
    wait_event_cmd U - 4.1
    wait_event_exclusive_cmd U - 4.14
    wait_event_lock_irq U - 3.10
    wait_event_lock_irq_cmd U - 3.10
    wait_event_lock_irq_timeout U t 4.19
    io_wait_event U - 4.1
    wait_event_killable K - 2.6.35
    wait_event_killable_exclusive K - 4.14
    wait_event_killable_timeout K t 4.14
    io_wait_event_killable K - 7.2
    wait_event_interruptible I - 2.6.24
    wait_event_interruptible_timeout I t 2.6.24
    wait_event_interruptible_hrtimeout I t 3.10
    wait_event_interruptible_exclusive I - 2.6.24
    wait_event_interruptible_locked I - 2.6.35
    wait_event_interruptible_locked_irq I - 2.6.35
    wait_event_interruptible_exclusive_locked I - 2.6.35
    wait_event_interruptible_exclusive_locked_irq I - 2.6.35
    wait_event_interruptible_lock_irq I - 3.10
    wait_event_interruptible_lock_irq_cmd I - 3.10
    wait_event_interruptible_lock_irq_timeout I t 3.10
    wait_event_freezable F - 2.6.24
    wait_event_freezable_timeout F t 2.6.24
    wait_event_freezable_exclusive F - 3.10
    wait_event_idle D - 4.19
    wait_event_idle_timeout D t 4.19
    wait_event_idle_exclusive D - 4.19
    wait_event_idle_exclusive_timeout D t 4.19
    wait_event_state ? - 6.1
    wait_event_state_exclusive ? - 7.2
wait_var_event wait_bit.h
    wait_var_event U - 4.19
    wait_var_event_timeout U t 4.19
    wait_var_event_io U - 7.2
    wait_var_event_killable K - 4.19
    wait_var_event_interruptible I - 5.10
swait_event swait.h
    swait_event_exclusive U - 4.19
    swait_event_timeout_exclusive U t 4.19
    swait_event_interruptible_exclusive I - 4.19
    swait_event_interruptible_timeout_exclusive I t 4.19
    swait_event_idle_exclusive D - 4.19
    swait_event_idle_timeout_exclusive D t 4.19
rcuwait_wait_event rcuwait.h
    rcuwait_wait_event ? - 4.14
    rcuwait_wait_event_timeout ? t 6.12
wait_for_completion completion.h
    wait_for_completion U - 2.6.24
    wait_for_completion_timeout U t 2.6.24
    wait_for_completion_io U - 3.10
    wait_for_completion_io_timeout U t 3.10
    wait_for_completion_killable K - 2.6.35
    wait_for_completion_killable_timeout K t 2.6.35
    wait_for_completion_interruptible I - 2.6.24
    wait_for_completion_interruptible_timeout I t 2.6.24
    wait_for_completion_state ? - 6.1
mutex_lock mutex.h
    mutex_lock U - 2.6.24
    mutex_lock_io U - 4.14
    mutex_lock_killable K - 2.6.35
    mutex_lock_interruptible I - 2.6.24
    ww_mutex_lock U - 4.1
    ww_mutex_lock_interruptible I - 4.1
down_read rwsem.h
    down_read U - 2.6.24
    down_read_killable K - 4.19
    down_read_interruptible I - 5.10
down_write rwsem.h
    down_write U - 2.6.24
    down_write_killable K - 4.14
percpu_down_read percpu-rwsem.h
    percpu_down_read U - 3.10
    percpu_down_read_freezable UF - 7.2
percpu_down_write percpu-rwsem.h
    percpu_down_write U - 3.10
down semaphore.h
    down U - 2.6.24
    down_timeout U t 2.6.35
    down_killable K - 2.6.35
    down_interruptible I - 2.6.24
rt_mutex_lock rtmutex.h
    rt_mutex_lock U - 2.6.24
    rt_mutex_lock_killable K - 6.1
    rt_mutex_lock_interruptible I - 2.6.24
folio_wait_bit pagemap.h
    folio_lock U - 6.1
    folio_lock_killable K - 6.1
    folio_wait_locked U - 6.1
    folio_wait_locked_killable K - 6.1
    folio_wait_bit U - 6.1
    folio_wait_bit_killable K - 6.1
    folio_wait_writeback U - 6.1
    folio_wait_writeback_killable K - 6.1
    folio_wait_stable U - 6.1
    lock_page U - 2.6.24
    lock_page_killable K - 2.6.35 6.1
    wait_on_page_locked U - 2.6.24 6.12
    wait_on_page_locked_killable K - 3.10 6.1
    wait_on_page_bit U - 2.6.24 5.10
    wait_on_page_bit_killable K - 3.10 5.10
    wait_on_page_writeback U - 2.6.24
wait_on_bit wait_bit.h
    wait_on_bit ? - 2.6.24
    wait_on_bit_io ? - 3.10
    wait_on_bit_timeout ? t 4.1
    wait_on_bit_action ? - 4.1
    wait_on_bit_lock ? - 2.6.24
    wait_on_bit_lock_io ? - 4.1
    wait_on_buffer U - 2.6.24
msleep delay.h
    msleep U t 2.6.24
    ssleep U t 2.6.24
    msleep_interruptible I t 2.6.24
    usleep_range U t 2.6.35
    usleep_range_idle D t 7.2
    usleep_range_state ? t 6.1
schedule_timeout sched.h
    schedule_timeout ? t 2.6.24
    schedule_timeout_uninterruptible U t 2.6.24
    schedule_timeout_killable K t 2.6.35
    schedule_timeout_interruptible I t 2.6.24
    schedule_timeout_idle D t 4.14
"""


@record
class WaitPrimitive:
    """One member of a family. state: bits of task_struct.__state; empty: the caller's choice."""

    name: str
    family: str
    header: str
    state: str
    timeout: bool
    since: str  # one of EXAMINED
    until: str  # one of EXAMINED; empty: the newest has it, too

    @property
    def sigkill_ends(self) -> bool | None:
        """None: as the caller chooses."""
        if not self.state:
            return None
        return SIGKILL_WAKES[_LAYOUT.name(sum(SINCE_4_14[bit] for bit in self.state.split("|")))]

    @property
    def any_signal_ends(self) -> bool | None:
        """None: as the caller chooses. A kernel thread gets none unless it asked for them."""
        return "TASK_INTERRUPTIBLE" in self.state.split("|") if self.state else None

    @property
    def freeze(self) -> str:
        """What a freezer makes of it: kernel/freezer.c, fake_signal_wake_up() and
        freezer_should_skip() or, since v6.1, __freeze_task()."""
        if not self.state:
            return "as the caller chooses"
        if "TASK_FREEZABLE" in self.state:
            return "frozen where it sleeps"
        return "ends it" if self.any_signal_ends else "waits for it"

    @property
    def in_load(self) -> bool | None:
        """Does it count in the load average? None: as the caller chooses. By
        task_contributes_to_load() of kernel/sched."""
        if not self.state:
            return None
        return "TASK_UNINTERRUPTIBLE" in self.state and "TASK_NOLOAD" not in self.state


_LAYOUT = TaskStates(SINCE_4_14, frozen_is_flag=False, origin="")


def _members() -> Iterator[WaitPrimitive]:
    family = header = ""
    for line in _TABLE.strip().splitlines():
        words = line.split()
        if line[0] != " ":
            family, header = words
            continue
        name, state, timeout, since = words[:4]
        until = words[4] if len(words) > 4 else ""
        yield WaitPrimitive(
            name, family, f"include/linux/{header}", _STATES[state], timeout == "t", since, until
        )


PRIMITIVES = {primitive.name: primitive for primitive in _members()}


def family_of(name: str) -> list[WaitPrimitive]:
    """The members of a family; empty where there is none of that name."""
    return [primitive for primitive in PRIMITIVES.values() if primitive.family == name]

"""The kinds of reports that are known. A new kind is a file and a line here.

The first kind whose head a line has is the one: what says more comes before what says less.
"""

from ktrace.sources.log import (
    bad_page,
    held_locks,
    hung,
    nmi_backtrace,
    oom,
    oom_group,
    oom_reaper,
    task_list,
)
from ktrace.sources.log.alarms import (
    allocation,
    bug,
    hardware,
    locking,
    lockups,
    memory,
    network,
    oops,
    page_map,
    panic,
    poison,
    sanitizers,
    storage,
    warning,
)
from ktrace.sources.log.alike import Alike
from ktrace.sources.log.bad_page_alike import BadPageAlike
from ktrace.sources.log.boots import BANNER, NEXT_FILE, REBOOT
from ktrace.sources.log.hung_alike import HungAlike
from ktrace.sources.log.oom_alike import OomAlike

KINDS = (
    BANNER,
    REBOOT,
    NEXT_FILE,
    bad_page.KIND,
    *hung.KINDS,
    held_locks.KIND,
    nmi_backtrace.KIND,
    oom_group.KIND,
    *oom.KINDS,
    *oom_reaper.KINDS,
    task_list.KIND,
    *sanitizers.KINDS,
    *lockups.KINDS,
    *locking.KINDS,
    *allocation.KINDS,
    page_map.KIND,
    *memory.KINDS,
    *poison.KINDS,
    *oops.KINDS,
    *hardware.KINDS,
    *storage.KINDS,
    *network.KINDS,
    *warning.KINDS,
    *panic.KINDS,
    *bug.KINDS,
)
# Of those of which a log may be full, what reads such as are alike
ALIKE: dict[str, type[Alike]] = {"bad-page": BadPageAlike, "hung": HungAlike, "oom": OomAlike}

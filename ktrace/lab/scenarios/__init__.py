"""The scenarios that `ktrace lab` knows."""

from ktrace.lab.scenario import Scenario
from ktrace.lab.scenarios.bad_page_bug import BAD_PAGE_BUG
from ktrace.lab.scenarios.bad_ram import BAD_RAM
from ktrace.lab.scenarios.dm_suspend import DM_SUSPEND
from ktrace.lab.scenarios.fragmented import FRAGMENTED
from ktrace.lab.scenarios.lock_chain import LOCK_CHAIN
from ktrace.lab.scenarios.lock_kinds import LOCK_KINDS
from ktrace.lab.scenarios.oom_deadlock import OOM_DEADLOCK
from ktrace.lab.scenarios.oom_livelock import OOM_LIVELOCK
from ktrace.lab.scenarios.squashfs_oom import SQUASHFS_OOM
from ktrace.lab.scenarios.squashfs_root import SQUASHFS_ROOT
from ktrace.lab.scenarios.squashfs_stall import SQUASHFS_STALL
from ktrace.lab.scenarios.squashfs_thrash import SQUASHFS_THRASH

_ALL = (
    *(SQUASHFS_STALL, SQUASHFS_OOM, SQUASHFS_ROOT, SQUASHFS_THRASH, LOCK_CHAIN, DM_SUSPEND),
    *(LOCK_KINDS, OOM_DEADLOCK, OOM_LIVELOCK, BAD_RAM, BAD_PAGE_BUG, FRAGMENTED),
)

SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _ALL}

"""The scenarios that `ktrace lab` knows."""

from ktrace.lab.scenario import Scenario
from ktrace.lab.scenarios.bad_page_bug import BAD_PAGE_BUG
from ktrace.lab.scenarios.bad_ram import BAD_RAM
from ktrace.lab.scenarios.oom_livelock import OOM_LIVELOCK
from ktrace.lab.scenarios.squashfs_stall import SQUASHFS_STALL

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario for scenario in (SQUASHFS_STALL, OOM_LIVELOCK, BAD_RAM, BAD_PAGE_BUG)
}

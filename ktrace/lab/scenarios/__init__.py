"""The scenarios that `ktrace lab` knows."""

from ktrace.lab.scenario import Scenario
from ktrace.lab.scenarios.bad_page_bug import BAD_PAGE_BUG
from ktrace.lab.scenarios.bad_ram import BAD_RAM
from ktrace.lab.scenarios.squashfs_oom import SQUASHFS_OOM
from ktrace.lab.scenarios.squashfs_stall import SQUASHFS_STALL

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario for scenario in (SQUASHFS_STALL, SQUASHFS_OOM, BAD_RAM, BAD_PAGE_BUG)
}

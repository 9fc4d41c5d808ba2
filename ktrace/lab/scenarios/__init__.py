"""The scenarios that `ktrace lab` knows."""

from ktrace.lab.scenario import Scenario
from ktrace.lab.scenarios.squashfs_oom import SQUASHFS_OOM
from ktrace.lab.scenarios.squashfs_stall import SQUASHFS_STALL

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario for scenario in (SQUASHFS_STALL, SQUASHFS_OOM)
}

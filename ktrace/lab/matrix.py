"""One scenario on the kernels of several Debian suites, and what ktrace could do on each."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ktrace.detectors.stuck import StuckTasks
from ktrace.lab.arch import Arch
from ktrace.lab.build.packages import debian_kernel
from ktrace.lab.cache import cache_dir
from ktrace.lab.outcome import read_outcome
from ktrace.lab.runner import run_scenario
from ktrace.lab.series import scenario_with
from ktrace.views import words
from ktrace.views.text_table import text_table

SUITES = ("bullseye", "bookworm", "trixie", "sid")
HEAD = ("SUITE", "KERNEL", "PROBES", "HOOKS", "VERDICT", "STUCK", "LONGEST", "WAITS IN")


@dataclass(frozen=True)
class Row:
    """What one kernel's run gave: text for each of HEAD, and ktrace's exit code."""

    cells: tuple[str, ...]
    exit_code: int


def run_matrix(scenario: str, suites: Sequence[str], arch: Arch, folder: Path) -> list[Row]:
    """Run the scenario on each suite's newest kernel for arch; a trace each in folder.

    Raises LabError where a run could not be brought to its end.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for suite in suites:
        kernel = debian_kernel(cache_dir(), suite, arch)
        trace = folder / f"{scenario}-{kernel.release}.ktrace"
        # a kernel that has not got the bug is a result, too
        played = scenario_with(scenario, other_kernel=True)
        result = run_scenario(played, output=trace, kernel=kernel)
        rows.append(row(suite, result.traces[0], result.exit_code))
    return rows


def row(suite: str, path: Path, exit_code: int) -> Row:
    """The row of one trace."""
    outcome = read_outcome(path)
    analysis, functions = outcome.analysis, outcome.functions
    verdict = analysis.end().verdict
    stuck = analysis.of(StuckTasks)
    probes = list(analysis.probes.values())
    attached = [probe for probe in probes if probe.state == "attached"]
    hooks = dict.fromkeys(probe.hook for probe in attached)
    cells = (
        suite,
        analysis.session.kernel,
        f"{len(attached)} of {len(probes)}",
        " ".join(hooks),
        verdict,
        str(stuck.total),
        words.seconds(stuck.longest_s),
        " ".join(sorted(functions)) or "-",
    )
    return Row(cells, exit_code)


def table(rows: Sequence[Row], markdown: bool = False) -> list[str]:
    """Lines: aligned columns, or a table of Markdown."""
    cells = [HEAD, *(row.cells for row in rows)]
    if markdown:
        lines = ["| " + " | ".join(line) + " |" for line in cells]
        return [lines[0].lower(), "|" + "---|" * len(HEAD), *lines[1:]]
    return text_table(cells)

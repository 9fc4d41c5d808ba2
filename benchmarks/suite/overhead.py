"""How much longer a load takes beside each contender: rounds with and without it alternate."""

import shutil
import subprocess
import time
from typing import Any

from benchmarks.suite.contenders import CONTENDERS, SETTLE_S, Contender, NotRun, Running
from benchmarks.suite.machine import FOLDER, LOAD_CPU, load_program, squashfs_file

ROUNDS = 7
BUDGET_S = 300.0  # no round is begun that would end later: the whole suite takes ten minutes
_FEWEST = 3
PIPE, SPAWN, PAGES, READS = "pipe", "fork and exec", "page faults", "squashfs reads"


def loads(scale: float) -> dict[str, list[str]]:
    """Commands that print the seconds they took; about half a second each at scale 1."""
    program, file = str(load_program()), squashfs_file()
    found = {
        PIPE: [program, "pipe", _times(60_000, scale)],
        SPAWN: [program, "spawn", _times(900, scale)],
        PAGES: [program, "pages", _times(60, scale)],
    }
    if shutil.which("perf"):
        found[PIPE] = ["perf", "bench", "sched", "pipe", "-l", _times(80_000, scale)]
    if file is not None:
        found[READS] = [program, "read", _times(4, scale), str(file)]
    return found


def _times(count: int, scale: float) -> str:
    return str(max(1, int(count * scale)))


def seconds(command: list[str]) -> float:
    """On the loads' own CPU."""
    done = subprocess.run(
        ["taskset", "-c", str(LOAD_CPU), *command], capture_output=True, text=True, check=True
    )
    told = [line for line in done.stdout.splitlines() if "Total time:" in line]  # perf bench
    return float(told[0].split()[2] if told else done.stdout.split()[0])


def measure(rounds: int, scale: float) -> dict[str, Any]:
    """By contender: by load, the ratios of each round; or why it was not run. Between two
    contenders the loads run alone: that is compared with the one before and the one after it."""
    commands = loads(scale)
    for command in commands.values():
        seconds(command)  # warm up
    found: dict[str, Any] = {contender.name: {} for contender in CONTENDERS}
    begun = time.monotonic()
    alone = _times_of(commands)
    for done in range(rounds):
        if done >= _FEWEST and (time.monotonic() - begun) * (done + 1) / done > BUDGET_S:
            break
        for contender in CONTENDERS:
            ratios = found[contender.name]
            if isinstance(ratios, str):
                continue
            try:
                beside = _beside(contender, commands)
            except NotRun as reason:
                found[contender.name] = str(reason)
                continue
            before, alone = alone, _times_of(commands)
            for name in commands:
                ratio = 2 * beside[name] / (before[name] + alone[name])
                ratios.setdefault(name, []).append(ratio)
    return found


def _beside(contender: Contender, commands: dict[str, list[str]]) -> dict[str, float]:
    folder = FOLDER / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with Running(contender, folder):
        times = _times_of(commands)
    time.sleep(SETTLE_S)  # what the tool has left to do
    return times


def _times_of(commands: dict[str, list[str]]) -> dict[str, float]:
    return {name: seconds(command) for name, command in commands.items()}

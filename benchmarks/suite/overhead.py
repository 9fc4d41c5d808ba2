"""How much longer a load takes beside each contender: rounds with and without it alternate."""

import shutil
import subprocess
import time
from typing import Any

from benchmarks.suite.contenders import CONTENDERS, SETTLE_S, Contender, NotRun, Running
from benchmarks.suite.machine import FOLDER, LOAD_CPU, load_program, squashfs_file

ROUNDS = 7
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
    """By contender: by load, the ratios of each round; or why it was not run."""
    commands = loads(scale)
    for command in commands.values():
        seconds(command)  # warm up
    found: dict[str, Any] = {contender.name: {} for contender in CONTENDERS}
    for _ in range(rounds):
        for contender in CONTENDERS:
            if isinstance(found[contender.name], str):
                continue
            try:
                _round(contender, commands, found[contender.name])
            except NotRun as reason:
                found[contender.name] = str(reason)
    return found


def _round(contender: Contender, commands: dict[str, list[str]], ratios: dict[str, Any]) -> None:
    folder = FOLDER / "run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    time.sleep(SETTLE_S)  # what the tool before has left to do
    without = {name: seconds(command) for name, command in commands.items()}
    with Running(contender, folder):
        beside = {name: seconds(command) for name, command in commands.items()}
    time.sleep(SETTLE_S)
    after = {name: seconds(command) for name, command in commands.items()}
    for name in commands:
        ratios.setdefault(name, []).append(2 * beside[name] / (without[name] + after[name]))

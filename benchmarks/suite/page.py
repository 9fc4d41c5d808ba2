"""docs/costs.md, of what was measured."""

import statistics
from collections.abc import Iterable
from typing import Any

from benchmarks.suite.contenders import OURS
from benchmarks.suite.startup import PYTHON

_NONE, _NOT_RUN = "not measured", "not run"
_LOADS = ("pipe", "fork and exec", "page faults", "squashfs reads")
_WHY_NOT_FIRST = {
    "hooks are in": "ktrace is Python, and loads 13 programs where a one-liner has one",
    "COMMAND runs": "ktrace reads the kernel's symbols and types between its last hook and COMMAND",
    "whole run": "ktrace is Python, and reads the kernel's symbols and types before COMMAND runs",
    "CPU": "ktrace is Python, and reads the kernel's symbols and types before COMMAND runs",
    "resident": "ktrace has locked the symbols and modules that it would otherwise have to read "
    "from a machine that hangs",
    "idle": "ktrace looks once a second at the machine's memory and at what was lost",
}


def lines(results: dict[str, Any]) -> list[str]:
    done, machine = results["done"], results["machine"]
    told = ", ".join(f"{key} {value}" for key, value in machine.items() if key != "kernel")
    return [
        "# What ktrace costs",
        "",
        "Measured side by side by `sudo make bench`, which also made this page, on "
        f"{results['day']}: {machine['kernel']}, {told}. The load average before it was "
        f"{results['load']:.2f}." + _busy(results),
        "",
        "What counts are the ratios: the times are those of this machine. Why a tool could not run "
        "is told [below](#not-run-here).",
        "",
        *_overhead(done["overhead"]),
        *_start(done["start"]),
        *_memory(done["memory"]),
        *_programs(done["programs"]),
        *_threads(done["threads"]),
        *_traces(done["bytes"], done["reading"]),
        *_not_run(done["overhead"]),
    ]


def _busy(results: dict[str, Any]) -> str:
    text = ""
    if results["quick"]:
        text += " **These were a few short rounds (`--quick`): a trial, and no result.**"
    if results["load"] > 0.5:
        text += " **The machine was not idle: the figures are too high, and spread.**"
    return text


def _overhead(found: dict[str, Any]) -> list[str]:
    rows = []
    for name, ratios in found.items():
        if isinstance(ratios, str):
            rows.append([name, _NOT_RUN, *[""] * (len(_LOADS) - 1)])
        else:
            rows.append([name, *(_ratio(ratios.get(load)) for load in _LOADS)])
    notes = [_first(load, _medians(found, load), _spread(found, load)) for load in _LOADS]
    return [
        "## Beside a load",
        "",
        "The time that a load takes beside a tool, divided by the time that it takes alone, before "
        "and after it: the median of the rounds, and the lowest and highest. Loads have one CPU, "
        "tools another one.",
        "",
        *_table(["", *_LOADS], rows),
        "",
        *[note for note in notes if note],
        "",
        "![Medians and rounds](costs.svg)",
        "",
    ]


def _medians(found: dict[str, Any], load: str) -> dict[str, float]:
    return {
        name: statistics.median(ratios[load])
        for name, ratios in found.items()
        if isinstance(ratios, dict) and load in ratios
    }


def _spread(found: dict[str, Any], load: str) -> str:
    """Of the first, when the better of ktrace's medians lies in it."""
    medians = _medians(found, load)
    first = min(medians, key=lambda name: medians[name], default="")
    ours = [medians[name] for name in OURS if name in medians]
    within = ours and min(ours) <= max(found[first][load])
    return "ktrace's median lies within the spread of its rounds" if within else ""


def _ratio(rounds: list[float] | None) -> str:
    if not rounds:
        return _NONE
    return f"**{statistics.median(rounds):.3f}** ({min(rounds):.3f} to {max(rounds):.3f})"


def _start(found: dict[str, Any]) -> list[str]:
    heads = ["", "hooks are in", "COMMAND runs", "whole run", "CPU"]
    keys = ["hooks_s", "command_s", "whole_s", "cpu_s"]
    rows = [
        [name, *([_NOT_RUN, "", "", ""] if isinstance(run, str) else _seconds(run, keys))]
        for name, run in found.items()
    ]
    return [
        "## Start",
        "",
        "Seconds from the start of the tool, with a COMMAND that ends at once. Hooks are in when "
        "the tool makes its last system call that attaches one, as strace sees it, in a run of its "
        "own.",
        "",
        *_table(heads, rows),
        "",
        *_firsts(found, dict(zip(heads[1:], keys, strict=True))),
        "",
    ]


def _memory(found: dict[str, Any]) -> list[str]:
    tools = {name: look for name, look in found.items() if name != PYTHON}
    rows = [
        [name, _NOT_RUN, "", ""]
        if isinstance(look, str)
        else [
            name,
            f"{look['rss_kib'] / 1024:.1f} MiB",
            f"{look['locked_kib'] / 1024:.1f} MiB",
            f"{look['idle'] * 100:.2f} %",
        ]
        for name, look in found.items()
    ]
    return [
        "## Memory, and an idle machine",
        "",
        "Of all processes of a tool. ktrace locks all its memory, so that it never waits for a "
        "disk: resident is what it has, with all of Python's program and libraries. The last "
        "column is the share of one CPU.",
        "",
        *_table(["", "resident", "locked", "idle"], rows),
        "",
        *_firsts(tools, {"resident": "rss_kib", "idle": "idle"}),
        "",
    ]


def _programs(found: dict[str, Any]) -> list[str]:
    if "why_not" in found:
        return ["## BPF programs", "", f"Not measured: {found['why_not']}.", ""]
    rows = [
        [f"{tool}: {name}", f"{runs:,.0f}", f"{ns:,.0f}"]
        for tool in ("ktrace", "bpftrace")
        for name, cost in found[tool].items()
        if isinstance(cost, list)
        for runs, ns in [cost]
    ]
    refused = [
        f"`{function}`, a hook in squashfs, costs nothing here: {why or hook}."
        for function, hook, why in found["squashfs_probe"]
        if hook in ("missing", "waiting")
    ]
    return [
        "## BPF programs",
        "",
        "Runs, and nanoseconds of each run, during the loads, by the kernel's own statistics "
        "(which cost something themselves).",
        "",
        *_table(["program", "runs", "ns a run"], rows),
        "",
        *refused,
        "",
    ]


def _threads(found: dict[str, Any]) -> list[str]:
    rows = [
        [f"{int(number):,}", *([f"not run: {ms}", ""] if isinstance(ms, str) else _walk(ms))]
        for number, ms in found.items()
    ]
    return [
        "## Many threads",
        "",
        "A walk over all tasks: every ten seconds, and every second while a killed one lives. The "
        "last column is the share of one CPU that every second takes.",
        "",
        *_table(["sleeping threads", "a walk", "every second"], rows),
        "",
    ]


def _walk(ms: float) -> list[str]:
    return [f"{ms:.2f} ms", f"{ms / 10:.2f} %"]


def _traces(sizes: dict[str, Any], reading: dict[str, float]) -> list[str]:
    rows = [
        [name, _NOT_RUN if isinstance(size, str) else f"{size['bytes'] / size['events']:.0f}"]
        for name, size in sizes.items()
        if isinstance(size, str) or size["events"]
    ]
    return [
        "## Traces",
        "",
        "Bytes of a recorded event, while processes are killed one after the other.",
        "",
        *_table(["", "bytes an event"], rows),
        "",
        f"Events are read at {reading['report']:,.0f}/s by `ktrace report`, and at "
        f"{reading['compare']:,.0f}/s by `ktrace compare`.",
    ]


def _firsts(found: dict[str, Any], columns: dict[str, str]) -> list[str]:
    values = {
        head: {
            name: row[key] for name, row in found.items() if isinstance(row, dict) and key in row
        }
        for head, key in columns.items()
    }
    notes = [_first(head, each, _WHY_NOT_FIRST.get(head, "")) for head, each in values.items()]
    return [note for note in notes if note]


def _first(what: str, values: dict[str, float], why: str) -> str:
    """A line that says who is first where ktrace is not."""
    if not values:
        return ""
    first = min(values, key=lambda name: values[name])
    if first.startswith(OURS):
        return ""
    return f"- First in *{what}* is {first}{f': {why}' if why else ''}."


def _seconds(row: dict[str, float], keys: Iterable[str]) -> list[str]:
    return [f"{row[key]:.3f}" if key in row else _NONE for key in keys]


def _not_run(found: dict[str, Any]) -> list[str]:
    reasons = [f"- {name}: {why}" for name, why in found.items() if isinstance(why, str)]
    return ["", "## Not run here", "", *(reasons or ["Every tool could run."])]


def _table(heads: list[str], rows: list[list[str]]) -> list[str]:
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return [
        f"| {' | '.join(heads)} |",
        f"|{' --- |' * len(heads)}",
        *(f"| {' | '.join(row)} |" for row in escaped),
    ]

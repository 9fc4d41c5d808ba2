"""Alarms of a kernel log as text."""

from ktrace.findings import AlarmFinding
from ktrace.findings.signature import beneath_dump
from ktrace.kernel.taint import taint_words
from ktrace.views import words
from ktrace.views.safe_text import safe

_FRAMES = 8


def line(finding: AlarmFinding) -> str:
    """ "ALARM: KASAN: use-after-free Read in foo, 3 times from 12.000001 to 80.200000, first by
    sh[388] (lines 12-60)"."""
    parts = [f"ALARM: {safe(finding.title)}"]
    if finding.count > 1:
        times = f"{finding.count} times"
        if finding.last_t > finding.first_t:
            times += f" from {finding.first_t:.6f} to {finding.last_t:.6f}"
        if finding.boots > 1:
            times += f" in {finding.boots} boots"
        parts.append(times)
    if finding.comm is not None:
        first = "first " if finding.count > 1 else ""
        parts.append(f"{first}by {words.task_name(finding.comm, finding.pid or None)}")
    return ", ".join(parts) + where(finding.lines)


def details(finding: AlarmFinding) -> list[str]:
    """What the report says beside, and its stack."""
    return [
        *map(safe, finding.detail),
        stack_line(finding.stack, finding.unreliable),
        tainted(finding.taint, finding.kernel, finding.modules),
    ]


def tainted(letters: str, kernel: str, modules: tuple[str, ...]) -> str:
    """ "tainted: P proprietary module, W warning before; modules nvidia(POE)"; "" if it is not."""
    found = taint_words(letters, kernel)
    if not found:
        return ""
    named = f"; modules {', '.join(map(safe, modules))}" if modules else ""
    return f"tainted: {', '.join(found)}{named}"


def prose(finding: AlarmFinding) -> dict[str, list[str]]:
    return {}


def where(lines: tuple[int, ...]) -> str:
    """ " (lines 12-60)"."""
    if not lines:
        return ""
    first, last = lines[0], lines[-1]
    return f" (line {first})" if first == last else f" (lines {first}-{last})"


def stack_line(stack: tuple[str, ...], unreliable: bool) -> str:
    """ "squashfs_cache_get+0x323 < ...", innermost first; "" without a stack."""
    if not stack:
        return ""
    mark = "unreliable, every frame has a '?': " if unreliable else ""
    return mark + " < ".join(map(safe, beneath_dump(stack)[:_FRAMES]))

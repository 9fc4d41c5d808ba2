"""Bad pages, and what explains them, as plain text."""

from ktrace.events import Trigger
from ktrace.findings import BadPageFinding, PageCorruption, RamCell
from ktrace.views import words
from ktrace.views.alarm_text import stack_line, where
from ktrace.views.bad_page_reasons import next_steps, reasons
from ktrace.views.safe_text import safe

STACK_SHOWN = 8


def finding_line(finding: BadPageFinding | RamCell | PageCorruption) -> str:
    """One line for a change of a finding."""
    if finding.status == "resolved":
        return f"resolved: {_times(finding)}: explained by a memory cell now"
    match finding:
        case BadPageFinding():
            return _bad_page(finding)
        case RamCell():
            return f"BAD RAM: {_place(finding)}: {_times(finding)}, {_confidence(finding)}"
        case PageCorruption():
            software = "KERNEL BUG: no single RAM cell explains it"
            lead = software if finding.cause == "software" else "CAUSE NOT KNOWN"
            return f"{lead}: {_times(finding)}, {_confidence(finding)}"


def detail_lines(finding: BadPageFinding | RamCell | PageCorruption) -> list[str]:
    """What else to say of a new finding: why, and the next steps."""
    if isinstance(finding, BadPageFinding):
        lines = [_state(finding)]
        if finding.stack:
            lines.append(stack_line(finding.stack[:STACK_SHOWN], finding.unreliable))
        return lines
    return [
        *(f"because {safe(reason)}" for reason in reasons(finding)),
        "Next steps:",
        *(f"- {safe(step)}" for step in next_steps(finding)),
    ]


def trigger_text(trigger: Trigger) -> str:
    """ "flags 0x4000 [private_2]"; the offending bits stand in brackets."""
    names = f" [{safe('|'.join(trigger.names))}]" if trigger.names else ""
    return f"{trigger.what} {safe(trigger.bits)}".rstrip() + names


def _bad_page(finding: BadPageFinding) -> str:
    name = words.task_name(finding.comm, finding.pid or None, finding.tid)
    pfn = "?" if finding.pfn is None else f"{finding.pfn:#x}"
    why = ", ".join(trigger_text(trigger) for trigger in finding.triggered)
    on = f" on {finding.path}" if finding.path else ""
    reason = why or safe(finding.reason) or "reason unknown"
    return f"BAD PAGE: pfn {pfn}{on} in {name}: {reason}{where(finding.lines)}"


def _state(finding: BadPageFinding) -> str:
    parts = [
        f"struct page {safe(finding.page or 'address unknown')}",
        f"physical {safe(finding.page_phys or 'unknown')}",
        f"flags {safe(finding.flags)}",
        *(safe(field) for field in finding.fields),
    ]
    for label, value in (
        ("refcount", finding.refcount),
        ("mapcount", finding.mapcount),
        ("mapping", finding.mapping),
        ("memcg", finding.memcg),
    ):
        if value is not None:
            parts.append(f"{label} {safe(str(value))}")
    return ", ".join(parts)


def _place(finding: RamCell) -> str:
    cell = finding.cell
    if cell is None:
        size = f", {words.count(finding.size, 'byte')}" if finding.size else ""
        return f"at physical {safe(finding.address or '?')}{size}"
    return (
        f"bit {cell.bit} of the word at physical {safe(cell.word)} "
        f"(byte {safe(cell.byte)} bit {cell.byte_bit})"
    )


def _confidence(finding: RamCell | PageCorruption) -> str:
    return f"confidence {safe(finding.confidence)}"


def _times(finding: BadPageFinding | RamCell | PageCorruption) -> str:
    if isinstance(finding, BadPageFinding):
        return "1 bad page"
    if not finding.events:
        return words.count(sum(sign.count for sign in finding.signs), "report")
    boots = f" in {finding.boots} boots" if finding.boots > 1 else ""
    return f"{words.count(finding.events, 'bad page')}{boots}"

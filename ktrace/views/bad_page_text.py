"""Bad pages, and what explains them, as plain text."""

from ktrace.events import Trigger
from ktrace.findings import BadPageFinding, PageCorruption, RamCell
from ktrace.views import words
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
            cell = finding.cell
            return (
                f"BAD RAM: bit {cell.bit} of the word at physical {cell.word} "
                f"(byte {cell.byte} bit {cell.byte_bit}): {_times(finding)}, "
                f"confidence {safe(finding.confidence)}"
            )
        case PageCorruption():
            lead = "NOT ONE RAM CELL" if finding.cause == "software" else "CAUSE NOT KNOWN"
            what = "the kernel's bug" if finding.cause == "software" else "bad pages"
            return f"{lead}: {what}, {_times(finding)}, confidence {safe(finding.confidence)}"


def detail_lines(finding: BadPageFinding | RamCell | PageCorruption) -> list[str]:
    """What else to say of a new finding: why, and what to do."""
    if isinstance(finding, BadPageFinding):
        lines = [_state(finding)]
        if finding.stack:
            lines.append(" < ".join(safe(frame) for frame in finding.stack[:STACK_SHOWN]))
        return lines
    return [
        *(f"because {safe(reason)}" for reason in finding.reasoning),
        *(f"do: {safe(advice)}" for advice in finding.advice),
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
    return f"BAD PAGE: pfn {pfn}{on} in {name}: {why or safe(finding.reason) or 'reason unknown'}"


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


def _times(finding: BadPageFinding | RamCell | PageCorruption) -> str:
    if isinstance(finding, BadPageFinding):
        return "1 bad page"
    boots = f" in {finding.boots} boots" if finding.boots > 1 else ""
    return f"{finding.events} bad page{'s' if finding.events > 1 else ''}{boots}"

"""Hardware that complains, or of which the kernel does: arch/x86/kernel/cpu/mce, drivers/edac,
mm/memory-failure.c, kernel/irq/spurious.c, drivers/pci/pcie/aer.c."""

from ktrace.sources.log.alarms.alarm import alarm

_ERROR = r"(?:mce: )?(?:\{\d+\})?\[Hardware Error\]: "
# What print_mce() says in lines of their own, of before v3.x without "[Hardware Error]"
_MORE = (
    rf"{_ERROR}.*",
    r"(?:EDAC \w+ (?:MC\d+: )?)?(?:HARDWARE ERROR|CPU \d+: Machine Check|Bank \d|TSC |RIP[ !:]"
    r"|ADDR |MISC |PROCESSOR ).*",
)

KINDS = (
    alarm(
        "machine-check",
        (b"[Hardware Error]",),
        rf"{_ERROR}Machine check events logged",
        "Machine Check",
        name="machine-check-logged",
        details=_MORE,
        full=r"Bank \d+: |STATUS\[|section_type|APEI",
    ),
    alarm(
        "machine-check",
        (b"[Hardware Error]",),
        rf"{_ERROR}(?P<what>CPU \d+: Machine [Cc]heck[\w :]*|Hardware error from APEI.*"
        r"|(?:Corrected|Deferred|Uncorrected)\b.* error\b.*|.*Uncorrected.*)",
        "Machine Check",
        inside=("machine-check-logged",),
        details=_MORE,
    ),
    alarm(
        "machine-check",
        (b"achine ",),
        r"(?:mce: |MCE: |CPU \d+: )(?:CPU \d+: )?[Mm]achine [Cc]heck.*$",
        "Machine Check",
        inside=("machine-check-logged",),
        details=_MORE,
    ),
    alarm(
        "machine-check",
        (b"hardware memory error",),
        r"(?:mce: )?Uncorrected hardware memory error in user-access at (?P<address>[0-9a-f]+)",
        "Machine Check",
        name="machine-check-used",
        single=True,
    ),
    alarm(
        "pcie",
        (b"AER: ",),
        r"(?P<driver>\w+) (?P<device>[0-9a-f:.]+): AER: (?:Multiple )?(?P<what>Corrected|"
        r"Correctable|Uncorrected|Uncorrectable)(?P<how> \((?:Non-)?Fatal\))? error.*$",
        "PCIe: {what}{how} error at {device}",
        single=True,
    ),
    alarm(
        "edac",
        (b"EDAC ",),
        r"EDAC (?P<where>MC\d+|\w+): (?:\d+ )?(?P<what>CE|UE)\b.*$",
        "EDAC {where}: {what}",
        single=True,
        words=lambda words: (
            words
            | {
                "what": {"CE": "corrected memory error", "UE": "uncorrected memory error"}[
                    words["what"]
                ]
            }
        ),
    ),
    alarm(
        "memory-failure",
        (b"emory failure: 0x",),
        r"Memory failure: (?P<pfn>0x[0-9a-f]+): (?P<what>.*?)\s*$",
        "Memory failure",
        single=True,
    ),
    alarm(
        "irq",
        (b"nobody cared",),
        r"irq (?P<irq>\d+): nobody cared.*$",
        "irq {irq}: nobody cared",
    ),
    alarm(
        "nmi",
        (b"NMI received",),
        r"Uhhuh\. NMI received for unknown reason (?P<reason>[0-9a-f]+) on CPU \d+\.",
        "NMI for unknown reason",
        single=True,
    ),
)

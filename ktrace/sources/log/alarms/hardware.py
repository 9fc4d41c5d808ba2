"""Hardware that complains, or of which the kernel does: arch/x86/kernel/cpu/mce, drivers/edac,
mm/memory-failure.c, kernel/irq/spurious.c, drivers/pci/pcie/aer.c."""

from ktrace.sources.log.alarms.alarm import alarm

KINDS = (
    alarm(
        "machine-check",
        (b"[Hardware Error]", b"achine "),
        r"(?:mce: )?(?:\{\d+\})?\[Hardware Error\]: (?P<what>Machine check events logged|CPU \d+: "
        r"Machine [Cc]heck[\w :]*|Hardware error from APEI.*|.*Uncorrected.*)",
        "Machine Check",
        inside=("machine-check",),
        details=(r"(?:mce: )?(?:\{\d+\})?\[Hardware Error\]: .*",),
    ),
    alarm(
        "machine-check",
        (b"achine ",),
        r"(?:mce: |MCE: |CPU \d+: )(?:CPU \d+: )?[Mm]achine [Cc]heck.*$",
        "Machine Check",
        inside=("machine-check",),
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

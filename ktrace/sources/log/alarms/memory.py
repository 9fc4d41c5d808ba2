"""Memory management's own alarms: kernel/fork.c, mm/memory.c, mm/oom_kill.c, mm/swapfile.c,
mm/slub.c, lib/list_debug.c, lib/refcount.c."""

from ktrace.sources.log.alarms.alarm import alarm

KINDS = (
    alarm(
        "rss-counter",
        (b"BUG",),
        r"BUG: Bad rss-counter state mm:\S+ (?:idx:(?P<index>\d+)|type:(?P<type>\w+)) "
        r"val:(?P<val>-?\d+)"
        r"(?: Comm:(?P<comm>.*) Pid:(?P<pid>\d+))?",
        "BUG: Bad rss-counter state",
        single=True,
    ),
    alarm(
        "page-tables",
        (b"BUG",),
        r"BUG: non-zero (?P<what>nr_ptes|nr_pmds|pgtables_bytes) on freeing mm: (?P<value>-?\d+)",
        "BUG: non-zero {what} on freeing mm",
        single=True,
    ),
    alarm(  # pgd_clear_bad() and others, mm/memory.c, mm/pgtable-generic.c
        "page-tables",
        (b": bad p",),
        r"\S+\.[ch]:\d+: bad (?P<what>pgd|p4d|pud|pmd|pte) .*$",
        "bad {what}",
        single=True,
    ),
    alarm(  # pagefault_out_of_memory(): no memory for a fault, and nobody is killed for it
        "page-fault-oom",
        (b"VM_FAULT_OOM",),
        r"Huh VM_FAULT_OOM leaked out to the #PF handler\. Retrying PF\s*$",
        "VM_FAULT_OOM leaked out to the #PF handler",
        single=True,
    ),
    alarm(
        "bad-page-map",
        (b"BUG",),
        r"BUG: Bad page map in process (?P<comm>.*?)\s+(?P<level>p[gum4]?[dt]\w*:\S+.*)$",
        "BUG: Bad page map",
        details=(r"addr:(?P<addr>[0-9a-fpx]+) vm_flags:.*",),
    ),
    alarm(
        "bad-swap",
        (b"Bad swap",),
        r"(?:get_swap_device|swap_free|swap_dup|swap_info_get|_swap_info_get|\w+): Bad swap "
        r"(?P<what>file|offset)(?: entry)? ?(?P<entry>[0-9a-f]+)",
        "Bad swap {what} entry",
        single=True,
    ),
    alarm(
        "list-corruption",
        (b" corruption",),
        r"(?P<what>list_(?:add|del)) corruption(?:\. |, |: ).*$",
        "{what} corruption in {function}",
        inside=("oops", "warning"),
    ),
    alarm(
        "refcount",
        (b"refcount_t: ",),
        r"refcount_t: (?P<what>.*?)\.?\s*$",
        "refcount bug in {function}",
        inside=("warning",),
    ),
    alarm(
        "slab",
        (b"BUG",),
        r"BUG (?P<cache>[\w:.-]+) \((?:Not tainted|Tainted:[^)]*)\): (?P<what>.*?)\s*$",
        "BUG: {what} in slab {cache}",
        details=(
            r"(?:INFO: |FIX [\w:.-]+: |\[[\w ]+\] )?0x[0-9a-fpx]+-0x[0-9a-fpx]+"
            r"(?: @offset=|\. First byte).*",
            r"(?:INFO: )?(?:Allocated|Freed) in .*",
        ),
    ),
)

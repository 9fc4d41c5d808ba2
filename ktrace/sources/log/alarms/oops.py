"""Oopses: arch/*/mm/fault.c, arch/*/kernel/traps.c, lib/bug.c of kernels from 2.6.31 to 7.0."""

from ktrace.sources.log.alarms.alarm import alarm

_FAULT = (
    r"(?:BUG: (?:[Kk]ernel |[Uu]nable to handle )|Unable to handle kernel |CPU \d+ Unable to "
    r"handle kernel )"
    r"(?P<what>(?:kernel )?(?:NULL pointer dereference|paging request|page fault|data access"
    r"|instruction fetch|access to user memory[^,;]*|[a-z ]{0,40}access[^,;:]*|write to "
    r"read-only[^,;]*|pointer dereference in virtual kernel address space|unknown \w+ exception)?)"
    r"(?:[^!]*?(?:\bat |\bfor |, address: ).*|(?<=address space)\s*)$"
)


def _plain(words: dict[str, str]) -> dict[str, str]:
    what = words.get("what", "").removeprefix("kernel ").strip()
    plain = ("", "page fault", "pointer dereference in virtual kernel address space")  # s390's
    what = "paging request" if what in plain else what
    return words | {"what": what}


KINDS = (
    alarm(
        "oops",
        (b"BUG", b"nable to handle"),
        _FAULT,
        "BUG: unable to handle kernel {what} in {function}",
        words=_plain,
        inside=("oops",),
    ),
    alarm(
        "oops",
        (b"BUG",),
        r"(?:\S+: )?kernel BUG at (?P<file>\S+?):(?P<number>\d+)!",
        "kernel BUG in {function}",
        inside=("oops", "list-corruption"),
    ),
    alarm(
        "oops",
        (b" [#",),
        r"(?:Oops: )?general protection fault(?:[,:].*)?$",
        "general protection fault in {function}",
        inside=("oops",),
    ),
    alarm(
        "oops",
        (b" [#",),
        r"(?:Oops: |PANIC: )?(?P<what>divide error|invalid opcode|stack segment|double fault): "
        r"(?:[0-9a-f]{4} ?)?.*\[#\d+\].*$",
        "{what} in {function}",
        inside=("oops", "list-corruption"),
    ),
    alarm(
        "oops",
        (b" [#",),
        r"(?:Internal error: )?(?:Oops|Internal error)(?: - |: )(?P<what>.*?)(?:: [0-9a-f]+)? "
        r"\[#\d+\].*$",
        "Oops in {function}",
        inside=("oops", "list-corruption"),
    ),
    alarm(
        "oops",
        (b"BUG", b"stack overflow"),
        r"(?:BUG: |Insufficient |kernel )?(?:stack guard page was hit|stack overflow|kernel stack "
        r"overflow|TASK stack guard page was hit).*$",
        "kernel stack overflow in {function}",
        inside=("oops",),
    ),
)

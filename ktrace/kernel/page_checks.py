"""Does this kernel look at pages at all when it hands them out and takes them back?

Before v6.3 always. Since then ("mm, page_alloc: reduce page alloc/free sanity checks") only when
the static key check_pages_enabled is on: any of init_on_alloc, init_on_free, page_poison and
debug_pagealloc turns it on at boot, so does CONFIG_DEBUG_VM (mem_debugging_and_hardening_init() in
mm/mm_init.c).
"""

from collections.abc import Callable, Iterable, Mapping

from ktrace.kernel import kcore
from ktrace.kernel.config import running_config
from ktrace.kernel.symbols import KALLSYMS
from ktrace.record import record

KEY = "check_pages_enabled"
# Data like the key, of every kernel: when it is in kallsyms (CONFIG_KALLSYMS_ALL), so is the key
_OTHER_DATA = "jiffies_64"
# A function that the same commit removed: where it is, the checks cannot be off
_ALWAYS = "free_pcp_prepare"
_YES = ("1", "y", "yes", "t", "true", "on")  # kstrtobool(), lib/kstrtox.c
HOW = "boot with init_on_alloc=1: where the checks are off, no bad page is reported"


@record
class PageChecks:
    """on None: not known."""

    on: bool | None
    why: str


def page_checks(
    lines: Iterable[bytes] | None = None,
    read: Callable[[int, int], bytes | None] = kcore.read,
    config: Mapping[str, str] | None = None,
    parameters: str | None = None,
) -> PageChecks:
    """Of the running kernel. lines: of kallsyms; read: kernel memory; config: CONFIG_ options;
    parameters: of its command line."""
    seen = _seen(lines, read)
    if seen.on is not None:
        return seen
    asked = asked_for(
        running_config() if config is None else config,
        _command_line() if parameters is None else parameters,
    )
    if asked:
        return PageChecks(True, f"enabled by {asked}")
    return PageChecks(None, f"{seen.why}, and nothing asks for them")


def asked_for(config: Mapping[str, str], parameters: str) -> str:
    """What turns the checks on in any kernel; "" when nothing is known to."""
    if config.get("CONFIG_DEBUG_VM") == "y":
        return "CONFIG_DEBUG_VM"
    given = dict(word.partition("=")[::2] for word in parameters.split())
    for name in ("init_on_alloc", "init_on_free"):
        option = f"CONFIG_{name.upper()}_DEFAULT_ON"
        if given.get(name, "").lower() in _YES:
            return name
        if name not in given and config.get(option) == "y":
            return option
    return ""


def _seen(lines: Iterable[bytes] | None, read: Callable[[int, int], bytes | None]) -> PageChecks:
    """By the key itself, or by what only kernels have that have no key."""
    shown = [*(_kallsyms() if lines is None else lines)]
    addresses = _addresses(shown)
    if _OTHER_DATA not in addresses:
        if any(line.split()[2:] == [_ALWAYS.encode()] for line in shown):
            return PageChecks(True, f"this kernel always checks, it still has {_ALWAYS}()")
        return PageChecks(None, "the kernel does not show where its variables are")
    if KEY not in addresses:
        return PageChecks(True, f"this kernel always checks, it has no {KEY}")
    # struct static_key begins with an atomic_t, enabled (include/linux/jump_label.h)
    word = read(addresses[KEY], 4)
    if word is None:
        return PageChecks(None, f"{KEY} cannot be read from {kcore.KCORE}")
    on = int.from_bytes(word, "little", signed=True) > 0
    return PageChecks(on, f"{KEY} is {'on' if on else 'off'}")


def _command_line() -> str:
    try:
        with open("/proc/cmdline") as file:
            return file.read()
    except OSError:
        return ""


def _kallsyms() -> list[bytes]:
    try:
        with open(KALLSYMS, "rb") as file:
            data = file.read()
    except OSError:
        return []
    ends = [data.find(b" %b\n" % name.encode()) for name in (KEY, _OTHER_DATA, _ALWAYS)]
    return [data[data.rfind(b"\n", 0, at) + 1 : data.index(b"\n", at)] for at in ends if at > 0]


def _addresses(lines: Iterable[bytes]) -> dict[str, int]:
    """Of symbols of the kernel image that are not hidden."""
    found = {}
    for line in lines:
        parts = line.split()
        if len(parts) == 3 and parts[0].strip(b"0"):
            found[parts[2].decode(errors="replace")] = int(parts[0], 16)
    return found

"""What squashfs does, in words and numbers; what would help, as far as the numbers say."""

from ktrace.detectors.squashfs_window import quantile_s
from ktrace.events import FILES, CacheUse, FileUse
from ktrace.findings import SquashfsThrash, SquashfsWaiter
from ktrace.views import words
from ktrace.views.safe_text import safe

_MIB = 1 << 20
_HOLDERS_SHOWN = 3
_WASTE = 2.0  # decompressed against used: below that, smaller blocks promise little
_NEXT_TO_NOTHING = 0.001
_SHARE = 0.1  # of the calls, or of the time: below that, it is not worth a word


def place(device: str, mount: str, cache: str) -> str:
    """ "fragment cache of loop0 (/data)", "files of loop0"."""
    what = cache if cache == FILES else f"{safe(cache) or 'unknown'} cache"
    return f"{what} of {safe(device) or '?'}" + (f" ({safe(mount)})" if mount else "")


def share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.0f}%" if whole else "-"


def brief(number: float | None) -> str:
    """Bytes, of a table: "812K", "3.2M", "20.1G"; "?": not measured."""
    if number is None:
        return "?"
    for unit, letter in ((1 << 30, "G"), (_MIB, "M")):
        if number >= unit:
            return f"{number / unit:.1f}{letter}"
    return f"{number / 1024:.0f}K"


def short(value: float | None) -> str:
    """Seconds: "850us", "12ms", "3.1s"; "-": none."""
    if value is None:
        return "-"
    if value < 1e-3:
        return f"{value * 1e6:.0f}us"
    return f"{value * 1e3:.0f}ms" if value < 1 else f"{value:.1f}s"


def again(finding: SquashfsThrash) -> str:
    """ "83 of 96 blocks (86%) in 10.0s had been read within 10s before"."""
    part = share(finding.again, finding.fills)
    return (
        f"{finding.again} of {words.count(finding.fills, 'block')} ({part}) read in "
        f"{words.seconds(finding.over_s)} had been read within {finding.again_s:g}s before"
    )


def numbers(finding: SquashfsThrash) -> list[str]:
    """What it costs, what came of it."""
    read = words.measured_size(finding.bytes_read)
    inflated = words.measured_size(finding.bytes_inflated)
    again = words.measured_size(finding.bytes_again)
    lines = [f"read {read}, decompressed {inflated}, of that again {again}{_used(finding)}"]
    lines.append(f"threads spent {', '.join(_spent(finding))} (of all threads together)")
    if finding.hits is not None and finding.calls:
        lines.append(
            f"{words.count(finding.calls, 'call')}, {share(finding.hits, finding.calls)} hits; "
            f"{finding.slept_full} slept until one of "
            f"{finding.entries or 'all'} entries was free, {finding.slept_pending} until another "
            "thread had read their block"
        )
    if finding.longest_wait:
        longest = finding.longest_wait
        lines.append(
            f"longest wait for an entry so far: {short(longest.s)}, {words.name_of(longest.task)}"
        )
    return lines


def who(finding: SquashfsThrash) -> list[str]:
    """For which files, and which threads wait for whom."""
    return [
        *(f"for {file_line(file)}" for file in finding.files),
        *(f"asleep: {waiter_line(waiter)}" for waiter in finding.waiters),
    ]


def _used(finding: SquashfsThrash) -> str:
    if finding.bytes_used is None:
        return "; how much of it was used is not measured"
    return f"; {words.size(finding.bytes_used)} were used"


def _spent(finding: SquashfsThrash) -> list[str]:
    spent = ["waiting for the disk (not measured)"]
    if finding.disk_s is not None:
        spent = [f"{words.seconds(finding.disk_s)} waiting for the disk"]
    if finding.inflate_s is None:
        spent.append("decompressing (not measured)")
    else:
        spent.append(f"{words.seconds(finding.inflate_s)} decompressing")
    if finding.hits is not None:
        spent.append(f"{words.seconds(finding.slept_s)} asleep for an entry")
    return spent


def file_line(file: FileUse) -> str:
    """ "/usr/bin/app (inode 12): 31 blocks, 87% again, 3.1 MiB"."""
    name = safe(file.path) or "a file whose name is not known"
    slept = f", {short(file.slept_s)} asleep" if file.slept_s else ""
    return (
        f"{name} (inode {file.inode}): {words.count(file.fills, 'block')}, "
        f"{share(file.again, file.fills)} again, {words.size(file.bytes_read)}{slept}"
    )


def waiter_line(waiter: SquashfsWaiter) -> str:
    """ "reader[20] for 3.2s, fragment cache of loop0: filler[12] reads the block that it ..."."""
    slept = "not known how long" if waiter.asleep_s is None else f"for {short(waiter.asleep_s)}"
    held = ", ".join(map(words.name_of, waiter.holders[:_HOLDERS_SHOWN]))
    more = len(waiter.holders) - _HOLDERS_SHOWN
    held += f" and {more} more" if more > 0 else ""
    told = f"{held}: {safe(waiter.why)}" if held else "not seen who has it"
    if waiter.holder_in:
        told += f", and is asleep in {safe(waiter.holder_in)}()"
    return f"{words.name_of(waiter.task)} {slept}, {place(waiter.device, '', waiter.cache)}: {told}"


def advice(finding: SquashfsThrash) -> list[str]:
    """What would help by these numbers, and how sure that is."""
    return [text for text in (_memory(finding), _blocks(finding), _entries(finding)) if text]


def _memory(finding: SquashfsThrash) -> str:
    """Blocks come again because pages of them were dropped, or because the cache is too small. A
    page that is read again may take a whole block: what is compared is what was used."""
    if finding.refaults_kib is None or finding.cache == "metadata":
        return ""
    used = finding.bytes_again if finding.bytes_used is None else finding.bytes_used
    if used is None:
        return ""
    refaulted = finding.refaults_kib * 1024
    pages = finding.file_pages_kib
    held = f" (the page cache holds {words.mebibytes(pages)})" if pages is not None else ""
    if refaulted and refaulted >= used * _SHARE:
        return (
            f"memory: {words.mebibytes(finding.refaults_kib)} of file pages, of all file systems, "
            f"were read again soon after they had been dropped{held}: more memory for them, or "
            "fewer programs at a time, would spare reads; how many is not known"
        )
    if refaulted < used * _NEXT_TO_NOTHING:
        return (
            "memory: next to no page was dropped and read again; more memory is not likely to help"
        )
    return ""


def _blocks(finding: SquashfsThrash) -> str:
    if not finding.bytes_used or finding.bytes_inflated is None:
        return ""
    if finding.bytes_inflated < _WASTE * finding.bytes_used:
        return ""
    per = finding.bytes_inflated / finding.bytes_used
    block = f" (now up to {words.size(finding.block_size)})" if finding.block_size else ""
    if finding.cache == "metadata":
        return f"{per:.1f} times as much metadata was decompressed as used; its blocks are 8 KiB"
    return (
        f"block size: {per:.1f} times as much was decompressed as used; with smaller blocks"
        f"{block}, mksquashfs -b, less may be read for the same. The image gets larger. Without "
        "fragments, mksquashfs -no-fragments, the ends of files do not share blocks. Which is "
        "better is to be measured: ktrace compare"
    )


def _entries(finding: SquashfsThrash) -> str:
    calls = finding.calls or 0
    if finding.hits is None or finding.slept_full < _SHARE * calls:
        return ""
    text = (
        f"cache size: {share(finding.slept_full, calls)} of the calls waited for a free entry of "
        f"{finding.entries or 'not known how many'}"
    )
    if finding.cache == "fragment":
        return (
            f"{text}; a kernel with a larger CONFIG_SQUASHFS_FRAGMENT_CACHE_SIZE reads more blocks "
            "at a time, which helps as far as the disk and the CPUs are not the limit"
        )
    return text


def waits(use: CacheUse) -> str:
    """Of the calls that slept: "p50 16ms p95 131ms"; the ends of slots of the histogram."""
    median, late = quantile_s(use.slept, 0.5), quantile_s(use.slept, 0.95)
    if median is None:
        return "-"
    return f"<{short(median)} <{short(late)}"

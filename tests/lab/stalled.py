"""What the records of squashfs-stall say of the threads that got stuck."""

from tests.chain_ends import chain_ends
from tests.tracer import Record

HOLD_S = 10.0  # for so long the scenario stalls the disk after the kills


def of(records: list[Record], status: str, comm: str | None = None) -> list[Record]:
    """Findings of stuck tasks: a slow guest's OOM killer may look like a livelock, too."""
    stuck = [record for record in records if record.get("finding") == "stuck-task"]
    return [r for r in stuck if r["status"] == status and comm in (None, r["comm"])]


def die_when_the_disk_goes_on(records: list[Record], comm: str) -> None:
    opened = {finding["id"] for finding in of(records, "open", comm)}
    resolved = of(records, "resolved", comm)
    assert {finding["id"] for finding in resolved} == opened
    for finding in resolved:
        assert finding["outcome"]["exit_signal"] == 9
        assert finding["outcome"]["after_s"] >= HOLD_S


def last_told(records: list[Record], comm: str) -> list[Record]:
    """Of each finding the newest record from before its end: where a guest is slow, a chain is not
    read in one look."""
    told = [*of(records, "open", comm), *of(records, "update", comm)]
    return list({finding["id"]: finding for finding in told}.values())


def fillers_are_in_the_way(records: list[Record]) -> None:
    """Of a waiter for a pending entry the one that fills it, of one for a free entry all three."""
    whys = set()
    for finding in [*last_told(records, "reader"), *last_told(records, "faulter")]:
        assert {blocker["comm"] for blocker in finding["blocked_by"]} == {"filler"}
        assert {blocker["function"] for blocker in finding["blocked_by"]} == {"submit_bio_wait"}
        whys |= {(len(finding["blocked_by"]), b["why"]) for b in finding["blocked_by"]}
    assert whys == {
        (1, "reads the block that it waits for"),
        (3, "holds an entry of the full fragment cache"),
    }


def the_cache_is_told_with_its_numbers(records: list[Record]) -> None:
    """Read through the types of squashfs, which is loaded after ktrace has begun."""
    told = {r["waits_for"]["detail"] for r in of(records, "open", "reader")}
    assert any(text.startswith("block ") for text in told)
    assert any(text.startswith("a free entry of the fragment cache of squashfs") for text in told)
    assert all("fragment cache of squashfs on vd" in text for text in told)
    assert all("(entries: 3, unused: " in text for text in told)


def chains_end_at_the_stalled_device(records: list[Record], comm: str) -> None:
    for finding in last_told(records, comm):
        for end in chain_ends(finding):
            assert end["comm"] == "filler"
            assert end["wait"]["kind"] == "block-io"
            assert end["wait"]["detail"].startswith("vdc, sector ")

"""What the records of squashfs-stall say of the threads that got stuck."""

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

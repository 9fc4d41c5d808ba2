"""Disks and file systems: block/blk-core.c, fs/buffer.c, fs/ext4/super.c, fs/xfs/xfs_message.c,
fs/btrfs/messages.c, fs/squashfs, drivers/ata/libata-eh.c, drivers/nvme/host/pci.c."""

from ktrace.sources.log.alarms.alarm import alarm

_BUS = r"(?:\w+ )?(?P<device>mmc(?:blk)?\d+): "

KINDS = (
    alarm(
        "io-error",
        (b" error",),
        r"(?:blk_update_request: |print_req_error: |end_request: )?I/O error, dev (?P<device>\w+), "
        r"sector (?P<sector>\d+).*$",
        "I/O error, dev {device}",
        single=True,
    ),
    alarm(
        "io-error",
        (b" error",),
        r"(?:blk_update_request: |print_req_error: |end_request: )?(?P<what>critical [\w ]+) error"
        r", dev (?P<device>\w+), sector (?P<sector>\d+).*$",
        "{what} error, dev {device}",
        single=True,
    ),
    alarm(
        "io-error",
        (b" error",),
        r"Buffer I/O error on dev(?:ice)? (?P<device>[\w-]+), logical block (?P<block>\d+).*$",
        "Buffer I/O error on {device}",
        single=True,
    ),
    alarm(
        "io-error",
        (b"exception Emask",),
        r"(?P<device>ata\d+(?:\.\d+)?): exception Emask .*$",
        "{device}: exception",
        single=True,
    ),
    alarm(
        "io-error",
        (b"nvme",),
        r"nvme (?P<device>nvme\d+): (?P<what>I/O .*timeout|controller is down).*$",
        "{device}: I/O timeout or controller down",
        single=True,
    ),
    alarm(
        "file-system",
        (b" error",),
        r"(?P<fs>[A-Z0-9]+)-fs error \(device (?P<device>[\w.-]+)\)"
        r"(?:: (?P<function>\w+):\d+)?: .*$",
        "{fs} error on {device} in {function}",
        single=True,
    ),
    alarm(
        "file-system",
        (b"filesystem read-only",),
        r"(?:\S+ \((?P<device>[\w.-]+)\): )?Remounting filesystem read-only.*$",
        "{device}: remounted read-only",
        single=True,
    ),
    alarm(
        "file-system",
        (b"XFS (",),
        r"XFS \((?P<device>[\w.-]+)\): (?P<what>[\w/ -]*(?:[Cc]orruption of in-memory data|"
        r"[Cc]orruption|Internal error|metadata I/O error|[Ss]hutting down|has been shut down|"
        r"log I/O error)(?: due to [^:.,]*)?).*$",
        "XFS on {device}: {what}",
        single=True,
    ),
    alarm(
        "file-system",
        (b" error", b"BTRFS critical"),
        r"BTRFS:? (?P<level>error|critical) \(device (?P<device>[^):]*)[^)]*\)[^:]*: "
        r"(?P<what>[^\d:/]*).*$",
        "BTRFS {level} on {device}: {what}",
        single=True,
    ),
    alarm(
        "file-system",
        (b"transid verify",),
        r"(?:BTRFS(?: \(device (?P<device>[^):]*)[^)]*\))?: )?parent transid verify failed on .*$",
        "BTRFS: parent transid verify failed",
        single=True,
    ),
    alarm(
        "file-system",
        (b"F2FS-fs (",),
        r"F2FS-fs \((?P<device>[\w.-]+)\): "
        r"(?P<what>[Ii]nconsistent [\w ]+|.*[Cc]orrupt[\w ]*|Stopped filesystem[\w ]*|"
        r"[Ii]nvalid [\w ]+|[Dd]etect filesystem[\w ]*).*$",
        "F2FS on {device}: {what}",
        single=True,
    ),
    alarm(
        "file-system",
        (b"IO error", b"Aborting journal"),
        r"(?:JBD2?: (?P<what>Detected IO errors) while flushing file data on |"
        r"(?P<aborts>Aborting journal) on device )(?P<device>\S+?)\.?\s*$",
        "{device}: {what}{aborts}",
        single=True,
    ),
    alarm(
        "io-error",
        (b"mmc",),
        _BUS + r"(?P<what>Timeout waiting for hardware \w+|error -\d+ (?:\w+ ){1,3}\w+|"
        r"cache flush error|running CQE recovery|Card stuck[\w ]*).*$",
        "{device}: {what}",
        single=True,
    ),
    alarm(
        "file-system",
        (b" error",),
        r"SQUASHFS error: (?P<what>[^0-9]*).*$",
        "SQUASHFS error: {what}",
        single=True,
    ),
)

"""Disks and file systems: block/blk-core.c, fs/buffer.c, fs/ext4/super.c, fs/xfs/xfs_message.c,
fs/btrfs/messages.c, fs/squashfs, drivers/ata/libata-eh.c, drivers/nvme/host/pci.c."""

from ktrace.sources.log.alarms.alarm import alarm

KINDS = (
    alarm(
        "io-error",
        (b" error",),
        r"(?:blk_update_request: |print_req_error: |end_request: )?(?:critical \w+ error|I/O error)"
        r", dev (?P<device>\w+), sector (?P<sector>\d+).*$",
        "I/O error, dev {device}",
        single=True,
    ),
    alarm(
        "io-error",
        (b" error",),
        r"(?:blk_update_request: |end_request: )?(?P<what>critical [\w ]+) error, dev "
        r"(?P<device>\w+), sector (?P<sector>\d+).*$",
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
        r"XFS \((?P<device>[\w.-]+)\): (?P<what>[\w/ ]*(?:[Cc]orruption|Internal error|metadata "
        r"I/O error|[Ss]hutting down|has been shut down|log I/O error)[^:.,]*).*$",
        "XFS on {device}: {what}",
        single=True,
    ),
    alarm(
        "file-system",
        (b" error", b"BTRFS critical"),
        r"BTRFS:? (?P<level>error|critical) \(device (?P<device>[^)]*)\)[^:]*: "
        r"(?P<what>[^\d:]*).*$",
        "BTRFS {level} on {device}: {what}",
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

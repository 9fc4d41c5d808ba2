"""Which boot of the machine this is."""

BOOT_ID = "/proc/sys/kernel/random/boot_id"


def boot_id() -> str:
    """Another one for each boot."""
    with open(BOOT_ID) as file:
        return file.read().strip()

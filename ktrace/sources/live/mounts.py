"""Where file systems are mounted, by /proc/self/mountinfo.

It is read under namespace_sem of fs/namespace.c, which nobody holds while a disk is waited for: the
I/O of mount(2) comes before it, that of umount(2) after it.
"""


def mounts() -> dict[str, str]:
    """Where each device ("8:1") is mounted first."""
    found: dict[str, str] = {}
    with open("/proc/self/mountinfo", errors="backslashreplace") as file:
        for line in file:
            words = line.split()
            found.setdefault(words[2], words[4])
    return found

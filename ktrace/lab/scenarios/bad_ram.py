"""One bad cell of RAM, seen through three boots of a kernel.

A bit of a page's flags is flipped in the guest's memory from outside. The kernel finds it when it
hands out the page. In each boot the kernel has its mem_map at another place, so the cell belongs
to another page, at another virtual address, and another program runs into it; the cell is the
same. In 2009 three reports of one machine looked like that, and it was bad RAM.

Without address randomisation: else the kernel itself may lie on the cell.
"""

from ktrace.lab.errors import LabError
from ktrace.lab.guest.memory import GuestMemory
from ktrace.lab.guest.tracer import ktrace_command
from ktrace.lab.scenario import Scenario, Stage, Step

MEMORY_MB = 512
# The mem_map is put as high as it can be, so less memory moves it: by 2 MiB here.
BOOTS = ("nokaslr", "nokaslr mem=510M", "nokaslr mem=508M")
# by architecture: in the first boot; free memory, then and after the mem_map has moved
PFN = {"amd64": 0xA123, "arm64": 0x47123}
BIT = 14  # of page->flags: private_2 on 6.1, private on 6.12; never set on a page to hand out
CELL = "cell"
FILL = "/workload/fill"
LEFT_KIB = 64 * 1024  # for the guest itself
_REPORT = b'"event":"bad_page"'

# Three programs that fill a file: each shows in its report under its own name.
FILLERS = (
    f"/bin/dd if=/dev/zero of={FILL} bs=1M",
    f"/bin/cp /dev/zero {FILL}",
    # 64 KiB at a time, and an end, because it does not mind a full file system
    '/bin/awk \'BEGIN { s = "ktrace lab"; while (length(s) < 65536) s = s s; '
    f'for (i = 0; i < 8192; i++) print s >"{FILL}" }}\'',
)


def find_page(stage: Stage) -> None:
    """Choose the cell in the first boot, find the page that it describes in every boot."""
    memory = GuestMemory(stage.guest)
    if stage.boot == 0:
        stage.kept[CELL] = memory.frame(PFN[stage.guest.machine.arch.name]).physical
    frame = memory.frame_described_at(stage.kept[CELL])
    if not memory.is_free(frame):
        raise LabError(f"page {frame.pfn:#x} is in use already: it cannot be handed out")
    stage.kept[pfn_key(stage.boot)] = frame.pfn


def flip_bit(stage: Stage) -> None:
    """The bad cell."""
    GuestMemory(stage.guest).flip(stage.kept[CELL], BIT)


def fill_memory(stage: Stage) -> None:
    """A program takes memory until it is handed the page, and ktrace has recorded the report."""
    room = f"$(($(awk '/^MemAvailable/ {{ print $2 }}' /proc/meminfo) - {LEFT_KIB}))k"
    stage.guest.check(f"mount -t tmpfs -o size={room} tmpfs /workload")
    filler = FILLERS[stage.boot % len(FILLERS)]
    pid = int(stage.guest.check(f"{{ exec {filler}; }} >/dev/null 2>&1 & echo $!"))
    stage.wait_traced(_REPORT)
    stage.guest.run(f"kill {pid}")
    stage.guest.wait(f"[ ! -d /proc/{pid} ]")


def pfn_key(boot: int) -> str:
    """Under which Stage.kept has the frame number that the cell had in a boot."""
    return f"pfn {boot}"


BAD_RAM = Scenario(
    name="bad-ram",
    summary="one bit of RAM goes bad: three boots, three pages, three programs, one cell",
    command=ktrace_command("bad-page"),
    modules=(),
    disks=lambda cache, arch: (),
    arches=("amd64", "arm64"),
    steps=(
        Step("find the page that the cell describes", find_page),
        Step("flip its bit from outside", flip_bit),
        Step("fill memory until the page is handed out", fill_memory),
    ),
    memory_mb=MEMORY_MB,
    boots=BOOTS,
    memory_file=True,
)

"""A network device that is being removed while somebody still uses it: netdev_run_todo() of
net/core/dev.c asks again and again whether its last reference is gone."""

from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.per_cpu import sum_of
from ktrace.waits.sleeper import Sleeper

FUNCTIONS = ("netdev_wait_allrefs_any", "netdev_wait_allrefs", "netdev_run_todo")
_NAME = 16  # IFNAMSIZ of include/uapi/linux/if.h
_REMOVED = "NETREG_UNREGISTERED"
_NAMELESS = 3  # its value where the enum has no name, as until v6.8
_MOST = 8  # that are told
_LIST = 2  # words of a list_head


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    if not sleeper.is_in(*FUNCTIONS):  # in between it waits for RCU, too
        return None
    devices = _devices(sleeper, kernel)
    if not devices:
        return None
    names = ", ".join(text for _, text in devices)
    return Found(
        "network-device",
        devices[0][0],
        f"the last references to {names}; who has it is not known",
        ("net_device.todo_list of a list on its stack",),
        target=names,
    )


def _devices(sleeper: Sleeper, kernel: Kernel) -> list[tuple[int, str]]:
    """Those of the list on its stack: netdev_run_todo() takes net_todo_list over."""
    layout = kernel.layout
    removed = kernel.enums.get("netdev_reg_state", {}).get(_REMOVED, _NAMELESS)
    words = sleeper.words()
    prev, word = layout["list_head.prev"], kernel.width.word
    back = kernel.memory.read_all([(at + prev, word) for at in words])
    found: list[tuple[int, str]] = []
    for index, data in enumerate(back):
        head = sleeper.sp + word * index
        if data != kernel.width.pack(head) or words[index] == head:
            continue
        at = words[index]
        while at != head and len(found) < _MOST:
            device = at - layout["net_device.todo_list"]
            state = kernel.memory.read(device + layout["net_device.reg_state"], 1)
            if state is None or state[0] != removed:
                break
            found.append((device, _text(device, kernel)))
            at = kernel.pointer(at) or head
    return found


def _text(device: int, kernel: Kernel) -> str:
    """ "eth0 of network namespace 4026532012", whose number `lsns` has too."""
    layout = kernel.layout
    name = kernel.text(device + layout["net_device.name"], _NAME)
    net = kernel.member(device, "net_device.nd_net")
    inode = kernel.number(net, "net.ns.inum") if net else None
    where = f" of network namespace {inode & 0xFFFFFFFF}" if inode else ""
    counts = kernel.member(device, "net_device.pcpu_refcnt")
    references = sum_of(kernel, counts, 4) if counts else None
    # one is its own, of which it waits to be the last
    return name + where + (f" ({references - 1} left)" if references else "")


KIND = Kind(
    "network-device",
    (
        "net_device.todo_list",
        "net_device.reg_state",
        "net_device.name",
        "net_device.nd_net",
        "net_device.pcpu_refcnt",
        "net.ns.inum",
    ),
    _read,
    tells="its name and network namespace, and the references where the kernel shows them",
    released="whoever has a reference",
    seen="6.12, 6.18, 7.2",
)

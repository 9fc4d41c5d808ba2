"""A permission event that a fanotify listener has to answer: fanotify_get_response() of
fs/notify/fanotify/fanotify.c."""

from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.lists import members
from ktrace.waits.open_files import opened
from ktrace.waits.sleeper import Sleeper
from ktrace.waits.wait_queue import WANTS, queue_of

_FUNCTIONS = ("fanotify_get_response", "fanotify_handle_event")  # the first may be inlined
_LISTENER = "listens to the fanotify group, and has to answer"
_QUEUE = "fsnotify_group.fanotify_data.access_waitq"
_READ = "fsnotify_group.fanotify_data.access_list"  # events that were read and not answered
_UNREAD = "fsnotify_group.notification_list"
_MOST_EVENTS = 256
_NAME = 64


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    if not sleeper.is_in(*_FUNCTIONS):
        return None
    queue = queue_of(sleeper, kernel)
    if queue is None:
        return None
    layout = kernel.layout
    group = queue.head - layout["wait_queue_head.head"] - layout[_QUEUE]
    found = opened(kernel, sleeper.address, [group])
    detail = _event(sleeper, group, kernel)
    if not found.files:
        detail += ", which no process listens to" if found.whole else ", listener not known"
    return Found(
        "fanotify",
        group,
        detail,
        (
            "wait_queue_entry on its stack",
            *(("fsnotify_group in a descriptor table",) if found.files else ()),
        ),
        tuple((task, _LISTENER) for task in found.tasks),
        # no waiters: each in the queue waits for an event of its own
    )


def _event(sleeper: Sleeper, group: int, kernel: Kernel) -> str:
    """Whether its event was read. The event is in a register that the sleep's functions saved."""
    for path, said in ((_READ, "which its listener has read"), (_UNREAD, "which nobody has read")):
        nodes, _ = members(kernel, group + kernel.layout[path], _MOST_EVENTS)
        events = {node - kernel.layout["fanotify_perm_event.fae.fse.list"] for node in nodes}
        event = next((word for word in sleeper.words() if word in events), None)
        if event:
            return f"the answer to an event {_of_file(event, kernel)}, {said}"
    return "the answer of its listener"


def _of_file(event: int, kernel: Kernel) -> str:
    dentry = kernel.member(event, "fanotify_perm_event.path.dentry")
    name = kernel.member(dentry, "dentry.d_name.name") if dentry else None
    inode = kernel.member(dentry, "dentry.d_inode") if dentry else None
    super_block = kernel.member(inode, "inode.i_sb") if inode else None
    where = kernel.file_system(super_block) if super_block else None
    if not name or not where:
        return "of a file that is not known"
    return f"of {kernel.text(name, _NAME)} of {where.text}"


KIND = Kind(
    "fanotify",
    (
        *WANTS,
        _QUEUE,
        _READ,
        _UNREAD,
        "fanotify_perm_event.fae.fse.list",
        "fanotify_perm_event.path.dentry",
        "dentry.d_name.name",
        "dentry.d_inode",
    ),
    _read,
    tells="the file, and whether its event was read",
    holder="the processes that listen to the group",
    released="the listener; `kill`",
    seen="5.10, 6.12, 6.18, 7.2",
)

"""Cgroups of a task: which, and where in the file system, kernel/cgroup."""

from collections.abc import Iterator

from ktrace.record import record
from ktrace.waits.kernel import Kernel

WANTS = (
    "task_struct.cgroups",
    "css_set.dfl_cgrp",
    "css_set.subsys",
    "cgroup.self",
    "cgroup.kn",
    "cgroup_subsys_state.parent",
    "cgroup_subsys_state.cgroup",
    "kernfs_node.name",
    "kernfs_node.parent",
    "kernfs_node.__parent",
)
_MOST_LEVELS = 64
_NAME = 256  # NAME_MAX and its end


@record
class Where:
    """path: in its hierarchy, as /proc/PID/cgroup has it. mount: of the hierarchy; empty where it
    was mounted nowhere when tracing began."""

    path: str
    mount: str

    def file(self, name: str) -> str:
        """A file of the cgroup; empty where it is not known."""
        return f"{self.mount}{self.path.rstrip('/')}/{name}" if self.mount else ""


def default_cgroup(kernel: Kernel, task: int) -> int:
    """Of the unified hierarchy (v2); 0: not known."""
    css_set = kernel.member(task, "task_struct.cgroups")
    return kernel.member(css_set, "css_set.dfl_cgrp") or 0 if css_set else 0


def controller_state(kernel: Kernel, task: int, controller: str) -> int:
    """Its cgroup_subsys_state of that controller; 0: not known."""
    number = kernel.enums.get("cgroup_subsys_id", {}).get(f"{controller}_cgrp_id")
    css_set = kernel.member(task, "task_struct.cgroups")
    if number is None or not css_set:
        return 0
    return (
        kernel.pointer(css_set + kernel.layout["css_set.subsys"] + kernel.width.word * number) or 0
    )


def upward(kernel: Kernel, state: int) -> Iterator[int]:
    """A cgroup_subsys_state and those above it, to the root's."""
    for _ in range(_MOST_LEVELS):
        if not state:
            return
        yield state
        state = kernel.member(state, "cgroup_subsys_state.parent") or 0


def where_is(kernel: Kernel, cgroup: int, controller: str) -> Where:
    """controller: of a v1 hierarchy; empty: of v2."""
    names = list(_names(kernel, cgroup))
    mount, root = kernel.cgroups.get(controller, ("", ""))
    path = "/" + "/".join(reversed(names))
    if root not in ("", "/") and path.startswith(root):
        path = path.removeprefix(root) or "/"  # of a mount that shows a part of the hierarchy
    return Where(path, mount)


def _names(kernel: Kernel, cgroup: int) -> Iterator[str]:
    """From its own upward, without the root's, which is empty."""
    layout = kernel.layout
    parent = "kernfs_node.parent" if layout.has("kernfs_node.parent") else "kernfs_node.__parent"
    node = kernel.member(cgroup, "cgroup.kn")
    for _ in range(_MOST_LEVELS):
        above = kernel.member(node, parent) if node else None
        if not node or not above:
            return
        name = kernel.member(node, "kernfs_node.name")
        yield kernel.text(name, _NAME) if name else "?"
        node = above

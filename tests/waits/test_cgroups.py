"""Where a cgroup is in the file system."""

import pytest

from ktrace.waits.cgroups import where_is
from tests.waits.heap import Heap

pytestmark = pytest.mark.unit

OFFSETS: dict[str, int | None] = {
    "cgroup.kn": 256,
    "kernfs_node.name": 16,
    "kernfs_node.__parent": 8,
}


@pytest.mark.parametrize(
    ("mount", "path", "file"),
    [
        (("/sys/fs/cgroup", "/"), "/user.slice/app", "/sys/fs/cgroup/user.slice/app/cgroup.freeze"),
        (("/cg", "/user.slice"), "/app", "/cg/app/cgroup.freeze"),  # a container's mount
        (None, "/user.slice/app", ""),
    ],
)
def test_the_file_that_thaws(mount: tuple[str, str] | None, path: str, file: str) -> None:
    heap = Heap(OFFSETS)
    node = 0
    for name in ("", "user.slice", "app"):
        above, node, text = node, heap.new(64), heap.new(256)
        heap.write(text, name.encode())
        heap.put(node + 8, above)
        heap.put(node + 16, text)
    cgroup = heap.new(512)
    heap.put(cgroup + 256, node)
    heap.kernel.cgroups = {"": mount} if mount else {}
    where = where_is(heap.kernel, cgroup, "")
    assert (where.path, where.file("cgroup.freeze")) == (path, file)

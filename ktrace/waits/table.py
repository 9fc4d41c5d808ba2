"""Every kind of wait that is read from the stack. A new one is a file of kinds/ and a line here."""

from ktrace.waits.found import Kind
from ktrace.waits.kernel import WANTS as KERNEL_WANTS
from ktrace.waits.kinds import (
    aio,
    bit,
    block_io,
    buffer,
    completion,
    coredump,
    direct_io,
    driver,
    fanotify,
    folio,
    freeze,
    freezer,
    fuse,
    io_uring,
    job_control,
    journal,
    mutex,
    net_device,
    percpu_rwsem,
    pid_namespace,
    pipe,
    ptrace,
    rcu,
    rt_mutex,
    rwsem,
    semaphore,
    squashfs_cache,
    srcu,
    unix_socket,
    userfaultfd,
    vfork,
    wait_queue,
    work,
)

KINDS: tuple[Kind, ...] = (
    mutex.KIND,
    rwsem.KIND,
    semaphore.KIND,
    rt_mutex.KIND,
    freeze.KIND,
    percpu_rwsem.KIND,
    folio.KIND,
    buffer.KIND,
    bit.KIND,
    block_io.KIND,
    vfork.KIND,
    fuse.KIND,
    journal.KIND,
    pid_namespace.KIND,
    userfaultfd.KIND,
    pipe.KIND,
    unix_socket.KIND,
    fanotify.KIND,
    coredump.KIND,
    ptrace.KIND,
    job_control.KIND,
    freezer.KIND,
    direct_io.KIND,
    io_uring.KIND,
    aio.KIND,
    net_device.KIND,
    squashfs_cache.KIND,
    rcu.KIND,
    srcu.KIND,
    work.KIND,
    # what nothing above knows, by the object alone
    completion.KIND,
    wait_queue.KIND,
    # or by whose code it is in
    driver.KIND,
)
ENUMS = (
    "pageflags",
    "inode_state_bits",
    "cgroup_subsys_id",
    "freezer_state_flags",
    "io_uring_op",
    "netdev_reg_state",
)
# whose types are read, where the kernel does not have them built in
MODULES = ("fuse", "jbd2", "ext4", "xfs", "loop", "squashfs")

WANTS: tuple[str, ...] = (*KERNEL_WANTS, *(path for kind in KINDS for path in kind.wants))

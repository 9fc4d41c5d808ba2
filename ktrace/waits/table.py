"""Every kind of wait that is read from the stack. A new one is a file of kinds/ and a line here."""

from ktrace.waits.found import Kind
from ktrace.waits.kernel import WANTS as KERNEL_WANTS
from ktrace.waits.kinds import (
    block_io,
    buffer,
    coredump,
    fanotify,
    folio,
    freeze,
    freezer,
    fuse,
    job_control,
    mutex,
    pid_namespace,
    pipe,
    ptrace,
    rwsem,
    userfaultfd,
    vfork,
)

KINDS: tuple[Kind, ...] = (
    mutex.KIND,
    rwsem.KIND,
    freeze.KIND,
    folio.KIND,
    buffer.KIND,
    block_io.KIND,
    vfork.KIND,
    fuse.KIND,
    pid_namespace.KIND,
    userfaultfd.KIND,
    pipe.KIND,
    fanotify.KIND,
    coredump.KIND,
    ptrace.KIND,
    job_control.KIND,
    freezer.KIND,
)

ENUMS = ("pageflags", "cgroup_subsys_id", "freezer_state_flags")
MODULES = ("fuse",)  # whose types are read, where the kernel does not have them built in

WANTS: tuple[str, ...] = (*KERNEL_WANTS, *(path for kind in KINDS for path in kind.wants))

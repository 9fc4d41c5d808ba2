"""Every kind of wait that is read from the stack. A new one is a file of kinds/ and a line here."""

from ktrace.waits.found import Kind
from ktrace.waits.kernel import WANTS as KERNEL_WANTS
from ktrace.waits.kinds import (
    block_io,
    buffer,
    folio,
    freeze,
    fuse,
    mutex,
    pid_namespace,
    rwsem,
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
)

WANTS: tuple[str, ...] = (*KERNEL_WANTS, *(path for kind in KINDS for path in kind.wants))

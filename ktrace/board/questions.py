"""What ktrace reads of a kernel's BTF: found out by asking all of it."""

from ktrace.board.asked_btf import AskedBtf
from ktrace.bpf_arch import SHIPPED
from ktrace.kernel.btf import Btf
from ktrace.kernel.layout import Layout
from ktrace.kernel.oom import CONSTRAINTS
from ktrace.kernel.page_flags import PageFlags
from ktrace.kernel.page_struct import PageStruct
from ktrace.kernel.page_types import PageTypes
from ktrace.kernel.task_state import FROZEN
from ktrace.package import bpf_object
from ktrace.probes.catalog import HOT_OBJECTS, PURPOSES
from ktrace.probes.wire import OBJECTS, ON_DEMAND
from ktrace.waits.table import ENUMS, WANTS

_FLAVOUR = "___"  # a suffix that libbpf leaves out when it looks up a type


def ask(btf: Btf) -> None:
    """Everything that a live run may ask."""
    for name in (*PURPOSES, FROZEN):
        btf.function(name)
        btf.tracepoint_arguments(name)
    for name in (*ENUMS, CONSTRAINTS):
        btf.enum(name)
    try:
        PageFlags.of_btf(btf, "")
    except ValueError:
        pass  # no pages: a module's
    PageStruct.of_btf(btf)
    PageTypes.of_btf(btf)
    Layout.of(btf, WANTS)


def of_programs() -> tuple[set[tuple[str, int]], set[str]]:
    """What the BPF programs of all architectures read: types with their kinds, and members."""
    types, members = set[tuple[str, int]](), set[str]()
    for arch in SHIPPED:
        for name in {*OBJECTS, *ON_DEMAND, *HOT_OBJECTS}:
            btf = AskedBtf.of_file(bpf_object(name, arch))
            for type_name, kind in btf.described():
                types.add((type_name.partition(_FLAVOUR)[0], kind))
            members |= btf.members_of_all()
            btf.close()
    return types, members

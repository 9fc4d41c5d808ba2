"""A frozen cgroup: cgroup.freeze (v2) or freezer.state (v1), kernel/cgroup, kernel/freezer.c."""

from ktrace.waits.cgroups import WANTS, controller_state, default_cgroup, upward, where_is
from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.sleeper import Sleeper

_TRAPS = ("do_freezer_trap", "get_signal")  # the first is inlined into the second on some kernels
V1, V2 = "freezer.state", "cgroup.freeze"  # the files that thaw


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    if sleeper.function in _TRAPS:
        return _frozen_v2(sleeper, kernel)
    if sleeper.is_in("__refrigerator"):
        return _frozen_v1(sleeper, kernel)
    return None


def _frozen_v2(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    """The topmost cgroup that was told to freeze: to thaw only one beneath it does not help."""
    cgroup = default_cgroup(kernel, sleeper.address)
    offset = kernel.layout["cgroup.self"]
    told = kernel.layout["cgroup.freezer.freeze"]  # a bool
    above = [state - offset for state in upward(kernel, cgroup + offset)] if cgroup else []
    frozen = [at for at in above if (kernel.memory.read(at + told, 1) or b"\0") != b"\0"]
    if not frozen:
        return None
    where = where_is(kernel, frozen[-1], "")
    return Found(
        "freezer",
        frozen[-1],
        f"cgroup {where.path} is frozen (v2: SIGKILL ends it all the same)",
        ("cgroup.freezer of its css_set",),
        target=where.file(V2),
    )


def _frozen_v1(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    itself = kernel.enums.get("freezer_state_flags", {}).get("CGROUP_FREEZING_SELF", 0)
    state = controller_state(kernel, sleeper.address, "freezer")
    offset = kernel.layout["freezer.css"]
    frozen = [
        css
        for css in (upward(kernel, state) if state else ())
        if (kernel.number(css - offset, "freezer.state") or 0) & itself
    ]
    if not frozen:
        return None  # the whole system is being suspended, or what froze it is not known
    cgroup = kernel.member(frozen[-1], "cgroup_subsys_state.cgroup") or 0
    where = where_is(kernel, cgroup, "freezer")
    return Found(
        "freezer",
        cgroup,
        f"cgroup {where.path} is frozen (v1: no signal ends it)",
        ("freezer.state of its css_set",),
        target=where.file(V1),
    )


KIND = Kind(
    "freezer",
    (*WANTS, "cgroup.freezer.freeze", "freezer.state", "freezer.css"),
    _read,
    tells="the cgroup, v1 or v2",
    holder="nobody",
    released="`echo 0 > .../cgroup.freeze`, `echo THAWED > .../freezer.state`",
    seen="6.18, 7.2",
)

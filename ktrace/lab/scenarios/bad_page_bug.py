"""Bad pages that are the kernel's own doing: a module frees pages in wrong states.

One page for each thing that can be wrong with it, each another page: what a verdict must not take
for bad RAM.
"""

from ktrace.lab.errors import LabError
from ktrace.lab.guest.tracer import ktrace_command
from ktrace.lab.scenario import Scenario, Stage, Step

MODULE = "bad_pages"
WRONG = ("mapcount", "mapping", "refcount", "flags", "memcg", "text")


def load_module(stage: Stage) -> None:
    """Only now: ktrace has to name the functions of a module that comes later."""
    stage.guest.check(f"insmod /modules/{MODULE}.ko")


def free_pages(stage: Stage) -> None:
    """One page for each kind of wrong state."""
    for wrong in WRONG:
        stage.guest.check(f"echo {wrong} >/sys/module/{MODULE}/parameters/free")


def check_log(stage: Stage) -> None:
    """The kernel must have seen each of them."""
    seen = int(stage.guest.check("dmesg | grep -c 'BUG: Bad page state' || true"))
    if seen != len(WRONG):
        raise LabError(f"the kernel reported {seen} bad pages of {len(WRONG)}")


BAD_PAGE_BUG = Scenario(
    name="bad-page-bug",
    summary="a module frees pages in wrong states: a kernel bug, not bad RAM",
    command=ktrace_command("bad-page"),
    modules=(),
    disks=lambda cache, arch: (),
    steps=(
        Step("load the module", load_module),
        Step("free pages in wrong states", free_pages),
        Step("count the kernel's reports", check_log),
    ),
    own_modules=(MODULE,),
)

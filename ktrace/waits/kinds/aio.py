"""The end of a process that has used io_submit(): exit_aio() of fs/aio.c waits for its requests.

By then kill_ioctx() has taken their contexts out of the mm's table, and the kernel has no list of
requests that cannot be cancelled: how many they are, of which files, is not known.
"""

from ktrace.waits.completions import WANTS, completion_of
from ktrace.waits.found import Found, Kind
from ktrace.waits.kernel import Kernel
from ktrace.waits.sleeper import Sleeper


def _read(sleeper: Sleeper, kernel: Kernel) -> Found | None:
    if sleeper.function != "exit_aio":
        return None
    completion = completion_of(sleeper, kernel)
    if completion is None:
        return None
    waited = completion - kernel.layout["ctx_rq_wait.comp"]
    contexts = kernel.number(waited, "ctx_rq_wait.count") or 0
    return Found(
        "aio",
        completion,
        f"the requests of {contexts} of its aio contexts, whose files are not known",
        ("ctx_rq_wait on its stack",),
    )


KIND = Kind(
    "aio",
    (*WANTS, "ctx_rq_wait.comp", "ctx_rq_wait.count"),
    _read,
    tells="how many contexts have requests",
    holder="nobody",
    released="the device of the requests",
    seen="6.12, 6.18, 7.2",
)

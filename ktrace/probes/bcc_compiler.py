"""The process in which bcc compiles: it hands its programs and maps over, and ends.

So nothing of the compiler stays in ktrace: freeing it inside a process leaves LLVM's 170 MB of
program text and what its allocator keeps. Run as `python -m ktrace.probes.bcc_compiler FD`: reads a
request from stdin (JSON: text, flags, programs {name: raw_tracepoint|kprobe}, maps), and
sends an answer over the socket FD: JSON with the names of what follows as file descriptors
(SCM_RIGHTS), and why other programs were not loaded. bcc's own complaints go to stderr.
"""

import json
import resource
import socket
import sys
from contextlib import suppress
from typing import Any

# kinds of failure, for the loader's message
NO_BCC = "no bcc"
FOREIGN_BCC = "foreign bcc"
NOT_COMPILED = "not compiled"


def main() -> None:
    request = json.load(sys.stdin)
    channel = socket.socket(fileno=int(sys.argv[1]))
    answer: dict[str, Any] = {"programs": [], "maps": [], "refused": {}, "failure": ""}
    try:
        descriptors = _build(request, answer)
    except Exception as error:  # whatever bcc raises: it has no exceptions of its own
        answer |= {"failure": answer["failure"] or NOT_COMPILED, "why": str(error)}
        descriptors = []
    data = json.dumps(answer).encode()
    socket.send_fds(channel, [len(data).to_bytes(4, "little") + data], descriptors)


def _build(request: dict[str, Any], answer: dict[str, Any]) -> list[int]:
    answer["failure"] = NO_BCC  # or a library of its own: that is an OSError
    import bcc

    answer["failure"] = ""
    if not hasattr(bcc, "BPF"):
        answer["failure"] = FOREIGN_BCC
        raise RuntimeError(str(getattr(bcc, "__file__", "bcc")))
    # before v5.11 (97306be45fbe) BPF memory counts as locked; where this fails, loading may too
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY,) * 2)
    built = bcc.BPF(text=request["text"], cflags=request["flags"])
    kinds = {"raw_tracepoint": bcc.BPF.RAW_TRACEPOINT, "kprobe": bcc.BPF.KPROBE}
    descriptors = []
    for name, kind in request["programs"].items():
        try:
            descriptors.append(built.load_func(name, kinds[kind]).fd)
        except Exception as error:
            answer["refused"][name] = str(error).rpartition(": ")[2]
        else:
            answer["programs"].append(name)
    for name in request["maps"]:
        descriptors.append(built.get_table(name).map_fd)
        answer["maps"].append(name)
    return descriptors


if __name__ == "__main__":
    main()

"""The names of a container, from the state files that its runtime keeps below /run.

A container's cgroup has its id. Its runtime has put an OCI configuration there, in whose
annotations Kubernetes' names are: containerd's pkg/cri/annotations and cri-o's, which uses the
labels of kubelet (io.kubernetes.pod.name, ...). Nobody is asked, and nothing outside of /run is
read: that is memory, where a file system that hangs cannot hold ktrace up. Docker and podman keep
their names on disk.
"""

import json
import os
import re
import stat
from functools import lru_cache

from ktrace.events import ContainerNames
from ktrace.kernel.cgroup_names import containers

_ID = re.compile(r"[0-9a-f]{64}")
_MOST_BYTES = 256 << 10
_CONTAINERD = "containerd/io.containerd.runtime.v2.task"  # /NAMESPACE/ID, of its tasks
_CRI_O = "containers/storage/overlay-containers"  # /ID/userdata
_NAMES = {
    "container": ("io.kubernetes.cri.container-name", "io.kubernetes.container.name"),
    "pod": ("io.kubernetes.cri.sandbox-name", "io.kubernetes.pod.name"),
    "namespace": ("io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"),
}


@lru_cache(maxsize=1024)
def container_names(path: str, run: str = "/run") -> ContainerNames | None:
    """Of the innermost container of a cgroup. None: it is in none, or no state file tells."""
    found = containers(path)
    if not found or not _ID.fullmatch(found[-1].id):
        return None
    for folder in _folders(found[-1].id, run):
        annotations = _annotations(os.path.join(folder, "config.json"), run)
        names = {
            what: next((annotations[key] for key in keys if annotations.get(key)), None)
            for what, keys in _NAMES.items()
        }
        if any(names.values()):
            return ContainerNames(**names)
    return None


def _folders(name: str, run: str) -> list[str]:
    tasks = os.path.join(run, _CONTAINERD)
    try:
        namespaces = sorted(os.listdir(tasks))
    except OSError:
        namespaces = []
    return [
        *(os.path.join(tasks, namespace, name) for namespace in namespaces[:16]),
        os.path.join(run, _CRI_O, name, "userdata"),
    ]


def _annotations(path: str, run: str) -> dict[str, str]:
    """Empty where the file cannot be read, is none of an OCI runtime, or lies on another file
    system than `run`, which might hang."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return {}
    with open(file, "rb") as stream:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode) or status.st_dev != os.stat(run).st_dev:
            return {}
        text = stream.read(_MOST_BYTES + 1)
    try:
        found = json.loads(text)["annotations"] if len(text) <= _MOST_BYTES else {}
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)}

"""What the path of a cgroup tells: the systemd unit, the container, the pod.

Every manager names the folders that it makes by rules of its own; nobody has to be asked. Sources:
cg_path_get_unit() of systemd's src/basic/cgroup-util.c; runc's libcontainer/cgroups/systemd;
kubelet's pkg/kubelet/cm (pod<uid>, kubepods-burstable-pod<uid>.slice with _ for -).
"""

import re
from functools import lru_cache
from typing import NamedTuple, TypedDict

from ktrace.events import ContainerNames

_UNIT = re.compile(r"[^/]+\.(?:service|scope|socket|mount|swap|device|target)")
_ID = r"([0-9a-f]{64}|[0-9a-f]{32}-[0-9]{1,20})"  # of ECS: the task's, with a number behind it
_POD = re.compile(
    r"(?:kubepods(?:-[a-z]+)*-)?pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})"
    r"(?:\.slice)?"
)
_CONTAINERS = tuple(
    (re.compile(pattern), runtime)
    for pattern, runtime in (
        (rf"docker-{_ID}\.scope", "docker"),
        (rf"cri-containerd-{_ID}\.scope", "containerd"),
        (rf"nerdctl-{_ID}\.scope", "containerd"),
        (rf"crio-{_ID}(?:\.scope)?", "cri-o"),
        (rf"libpod-{_ID}(?:\.scope)?", "podman"),
        (r"lxc\.payload\.(.+)", "lxc"),
        (r"systemd-nspawn@(.+)\.service", "systemd-nspawn"),
    )
)
# A folder that is only the id: who made it, the folder above tells
_PLAIN_ID = re.compile(_ID)
_ABOVE = {"docker": "docker", "lxc": "lxc", "garden": "garden", "default": "containerd"}


class Container(NamedTuple):
    """id: as its runtime shows it in full; a name where the runtime has no ids."""

    id: str
    runtime: str  # "": the path does not tell


class Place(TypedDict):
    """Members of findings: of the cgroup's path, and the names that a runtime's state has."""

    unit: str | None
    container: str | None
    runtime: str | None
    pod: str | None
    container_name: str | None
    pod_name: str | None
    namespace: str | None


@lru_cache(maxsize=1024)
def place_of(path: str | None, called: ContainerNames | None = None) -> Place:
    """Of the innermost container, and of the outermost unit: that of the system's manager."""
    found = containers(path or "")
    names = units(path or "")
    return Place(
        unit=names[0] if names else None,
        container=found[-1].id if found else None,
        runtime=found[-1].runtime or None if found else None,
        pod=pod(path or ""),
        container_name=called.container if called else None,
        pod_name=called.pod if called else None,
        namespace=called.namespace if called else None,
    )


def units(path: str) -> list[str]:
    """All systemd units but slices in it, the outermost first; within a user's manager, or a
    container with a systemd of its own, further in."""
    return [name for name in path.split("/") if _UNIT.fullmatch(name)]


def containers(path: str) -> list[Container]:
    """All containers in it, the outermost first."""
    names = path.split("/")
    found = [
        _container(name, above, in_pod=any(map(_POD.fullmatch, names)))
        for above, name in zip(["", *names], names, strict=False)
    ]
    return [container for container in found if container]


def pod(path: str) -> str | None:
    """The uid of the innermost Kubernetes pod, as the API has it."""
    found = [match[1] for name in path.split("/") if (match := _POD.fullmatch(name))]
    return found[-1].replace("_", "-") if found else None


def _container(name: str, above: str, in_pod: bool) -> Container | None:
    for pattern, runtime in _CONTAINERS:
        if match := pattern.fullmatch(name):
            return Container(match[1], runtime)
    if above == "lxc" and name:
        return Container(name, "lxc")
    if _PLAIN_ID.fullmatch(name):
        return Container(name, "" if in_pod else _ABOVE.get(above, ""))
    return None

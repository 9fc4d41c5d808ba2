"""Which tasks a run shows and judges: --comm, --pid, --cgroup, --unit, --container.

What is recorded stays whole; findings about other tasks are none of the run's.
"""

from fnmatch import fnmatchcase

from ktrace.kernel.cgroup_names import containers, units
from ktrace.record import record


@record
class TaskFilter:
    """Of each member that is not empty, one must fit."""

    comm: tuple[str, ...] = ()  # patterns of the shell
    pid: tuple[int, ...] = ()  # of thread groups
    cgroup: tuple[str, ...] = ()  # paths: the cgroup, and those below it
    unit: tuple[str, ...] = ()  # patterns; without a suffix: .service
    container: tuple[str, ...] = ()  # ids, or how they begin

    def __bool__(self) -> bool:
        return any((self.comm, self.pid, self.cgroup, self.unit, self.container))

    def __str__(self) -> str:
        """ "--comm appd --unit app.service"."""
        return " ".join(
            f"--{name} {value}"
            for name in ("comm", "pid", "cgroup", "unit", "container")
            for value in getattr(self, name)
        )

    def fits(self, pid: int, comm: str, cgroup: str | None) -> bool:
        """A task whose cgroup is not known may be one that is asked for: it fits."""
        if self.pid and pid not in self.pid:
            return False
        if self.comm and not any(fnmatchcase(comm, pattern) for pattern in self.comm):
            return False
        return cgroup is None or self._holds(cgroup)

    def _holds(self, path: str) -> bool:
        return (
            (not self.cgroup or any(_below(path, top) for top in self.cgroup))
            and (not self.unit or _any_fits(units(path), map(_with_suffix, self.unit)))
            and (
                not self.container
                or _any_fits([found.id for found in containers(path)], map(_begin, self.container))
            )
        )


NO_FILTER = TaskFilter()


def _below(path: str, top: str) -> bool:
    top = "/" + top.strip("/")
    return top == "/" or path == top or path.startswith(top + "/")


def _with_suffix(unit: str) -> str:
    return unit if "." in unit else f"{unit}.service"


def _begin(name: str) -> str:
    return name + "*"


def _any_fits(names: list[str], patterns: "map[str]") -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in names)

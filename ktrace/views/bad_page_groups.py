"""Bad pages that are alike: of thousands the first few are shown, the rest is a count."""

from dataclasses import dataclass
from functools import lru_cache

from ktrace.events import Stack
from ktrace.findings import BadPageFinding
from ktrace.kernel.wait_functions import function_of
from ktrace.plural import count
from ktrace.views.safe_text import safe

_SHOWN = 3  # of each group
_GROUPS_MAX = 200  # of which the first are shown; more are one more group
_FRAMES = 4
_NAMED = 12  # groups of which the rest is told


@dataclass(slots=True)
class _Group:
    first: BadPageFinding
    last: BadPageFinding
    pages: int = 0


class AlikePages:
    """Pages are alike when the same tests failed at the same place."""

    def __init__(self) -> None:
        self._groups: dict[object, _Group] = {}

    def show(self, finding: BadPageFinding) -> bool:
        """Whether it is one of the first of its group."""
        key: object = _key(finding)
        if key not in self._groups and len(self._groups) >= _GROUPS_MAX:
            key = None
        group = self._groups.setdefault(key, _Group(finding, finding))
        group.last = finding
        group.pages += 1
        return group.pages <= _SHOWN

    def rest(self) -> list[str]:
        """What was not shown, the largest groups first."""
        hidden = [group for group in self._groups.values() if group.pages > _SHOWN]
        hidden.sort(key=lambda group: -group.pages)
        lines = [_line(group) for group in hidden[:_NAMED]]
        if len(hidden) > _NAMED:
            pages = sum(group.pages - _SHOWN for group in hidden[_NAMED:])
            lines.append(
                f"and {count(pages, 'bad page')} more of {len(hidden) - _NAMED} other kinds"
            )
        return lines


def _key(finding: BadPageFinding) -> tuple[object, ...]:
    failed = tuple((trigger.what, trigger.names) for trigger in finding.triggered)
    return finding.boot, finding.path, failed, _functions(finding.stack[1 : 1 + _FRAMES])


@lru_cache(maxsize=1 << 10)
def _functions(stack: Stack) -> Stack:
    return tuple(function_of(frame) for frame in stack)


def _line(group: _Group) -> str:
    more = group.pages - _SHOWN
    last = "" if group.last.pfn is None else f", the last pfn {group.last.pfn:#x}"
    first = "?" if group.first.pfn is None else f"{group.first.pfn:#x}"
    where = " < ".join(safe(frame) for frame in group.first.stack[1 : 1 + _FRAMES])
    at = f", in {where}" if where else ""
    return f"and {count(more, 'bad page')} more like pfn {first}{last}{at}"

"""Wait chains as a graph: from the stuck tasks on the left to what holds everything up."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ktrace.findings import BlockedTask, Blocker, StuckTask, WaitsFor
from ktrace.views import words
from ktrace.views.formats.html.markup import Element, el, svg
from ktrace.views.wait_chain import waited_for

_BOX, _HIGH, _GAP_X, _GAP_Y, _LETTERS = 225, 40, 55, 10, 36
_NODES = 120


@dataclass
class _Node:
    title: str
    detail: str
    column: int = 0
    row: int = 0
    waits: bool = False  # for another node


@dataclass
class _Graph:
    nodes: dict[object, _Node] = field(default_factory=dict)
    edges: dict[tuple[object, object], str] = field(default_factory=dict)  # what it says
    full: bool = False


def chain_graph(findings: Sequence[StuckTask | BlockedTask]) -> Element | None:
    """None where nothing is known of what anybody waits for."""
    graph = _Graph()
    for group in _groups(findings):
        _add_group(graph, group)
    if not graph.edges:
        return None
    _place(graph)
    drawn = [_edge(graph, pair, why) for pair, why in graph.edges.items()]
    drawn += [_box(node) for node in graph.nodes.values()]
    columns = 1 + max(node.column for node in graph.nodes.values())
    rows = 1 + max(node.row for node in graph.nodes.values())
    width = columns * (_BOX + _GAP_X) - _GAP_X + 4
    drawing = svg(width, rows * (_HIGH + _GAP_Y) + 4, drawn, label="wait chains")
    note = "more than can be drawn: see the text below" if graph.full else ""
    return el("div", drawing, el("p", note, class_="note") if note else None)


def _groups(findings: Sequence[StuckTask | BlockedTask]) -> list[list[StuckTask | BlockedTask]]:
    """Those that wait alike."""
    groups: dict[object, list[StuckTask | BlockedTask]] = {}
    for one in findings:
        function = one.wait.function if one.wait else ""
        groups.setdefault((one.waits_for, one.blocked_by, one.state, function), []).append(one)
    return [*groups.values()]


def _add_group(graph: _Graph, group: list[StuckTask | BlockedTask]) -> None:
    first = group[0]
    names = [words.task_name(one.comm, one.pid, one.tid) for one in group]
    title = names[0] if len(names) == 1 else f"{len(names)} threads: {', '.join(names)}"
    where = f" in {first.wait.function}" if first.wait else ""
    key: object = ("task", first.tid)
    graph.nodes.setdefault(key, _Node(title, f"{first.state}{where}"))
    _follow(graph, key, first.waits_for, first.blocked_by)


def _follow(graph: _Graph, key: object, wait: WaitsFor | None, blockers: Sequence[Blocker]) -> None:
    """The edges from the node to what it waits for and who holds that."""
    if len(graph.nodes) >= _NODES:
        graph.full = True
        return
    at = key
    if wait is not None:
        holders = () if wait.object else tuple(blocker.tid for blocker in blockers)
        at = ("wait", wait.kind, wait.object, wait.detail, holders)
        graph.nodes.setdefault(at, _Node(waited_for(wait), ""))
        _join(graph, key, at, "waits for")
    for blocker in blockers:
        if blocker.cycle_to is not None:
            _join(graph, at, ("task", blocker.cycle_to), "cycle")
            continue
        held_by: object = ("task", blocker.tid)
        where = f" in {blocker.function}" if blocker.function else ""
        name = words.task_name(blocker.comm, blocker.pid, blocker.tid)
        known = held_by in graph.nodes
        graph.nodes.setdefault(held_by, _Node(name, f"{blocker.state}{where}"))
        _join(graph, at, held_by, blocker.why)
        if not known:
            _follow(graph, held_by, blocker.wait, blocker.blocked_by)


def _join(graph: _Graph, start: object, end: object, why: str) -> None:
    if end in graph.nodes:
        graph.nodes[start].waits = True
        graph.edges.setdefault((start, end), why)


def _place(graph: _Graph) -> None:
    """Each node right of what waits for it, as far as there is no cycle."""
    for _ in range(min(len(graph.nodes), 40)):
        for (start, end), why in graph.edges.items():
            if why != "cycle":
                later = graph.nodes[start].column + 1
                graph.nodes[end].column = min(max(graph.nodes[end].column, later), 40)
    filled: dict[int, int] = {}
    for node in graph.nodes.values():
        node.row = filled.get(node.column, 0)
        filled[node.column] = node.row + 1


def _box(node: _Node) -> Element:
    x, y = _corner(node)
    root = "" if node.waits else " root"
    return el(
        "g",
        el("title", f"{node.title} {node.detail}"),
        el("rect", x=x, y=y, width=_BOX, height=_HIGH, rx=4, class_=f"box{root}"),
        el("text", _short(node.title), x=x + 7, y=y + (16 if node.detail else 25)),
        el("text", _short(node.detail), x=x + 7, y=y + 31, class_="faint"),
    )


def _edge(graph: _Graph, pair: tuple[object, object], why: str) -> Element:
    x1, y1 = _corner(graph.nodes[pair[0]])
    x2, y2 = _corner(graph.nodes[pair[1]])
    x1, y1, y2 = x1 + _BOX, y1 + _HIGH // 2, y2 + _HIGH // 2
    bend = max(30, abs(x2 - x1) // 2)
    path = f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
    return el("path", el("title", why), d=path, class_="edge cycle" if why == "cycle" else "edge")


def _corner(node: _Node) -> tuple[int, int]:
    return 2 + node.column * (_BOX + _GAP_X), 2 + node.row * (_HIGH + _GAP_Y)


def _short(text: str) -> str:
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 3]}..."

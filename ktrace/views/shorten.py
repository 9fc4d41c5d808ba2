"""Text made shorter where there is little room, such that what identifies is kept."""

from rich.cells import cell_len, set_cell_size

_CUT = "…"
_NAME_KEPT = 8  # characters of a name by which it is recognised still


def at_end(text: str, width: int) -> str:
    """ "squashfs_cach…"."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + _CUT if width > 0 else ""


def in_middle(text: str, width: int) -> str:
    """ "contain…shim": names differ at both ends."""
    if cell_len(text) <= width:
        return text
    if width < 3:
        return at_end(text, width)
    last = (width - 1) // 2
    tail = text[len(text) - last :]
    while cell_len(tail) > last:
        tail = tail[1:]
    return at_end(text, width - cell_len(tail)) + tail


def task(name: str, width: int) -> str:
    """ "contai…shim[4711/4712]": the ids are never cut."""
    if cell_len(name) <= width:
        return name
    comm, bracket, ids = name.rpartition("[")
    if not bracket:
        return in_middle(name, width)
    return in_middle(comm, max(1, width - 1 - len(ids))) + bracket + ids


def least_of_task(name: str) -> int:
    """How short task() may make it."""
    comm, _, _ = name.rpartition("[")
    return cell_len(name) - max(0, cell_len(comm) - _NAME_KEPT)


def names(text: str, width: int) -> str:
    """ "dd[100], dd[101], ..." of more, joined by commas: none of them is cut."""
    if cell_len(text) <= width:
        return text
    kept, _, _ = set_cell_size(text, max(0, width - 2)).rpartition(",")
    return f"{kept}, {_CUT}" if kept else at_end(text.partition(",")[0], width)

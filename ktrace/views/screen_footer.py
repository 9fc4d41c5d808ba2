"""The screen's last line: what is recorded or replayed, and which keys there are."""

from rich.text import Text

from ktrace.detectors.analysis import Analysis
from ktrace.views import shorten, words
from ktrace.views.safe_text import safe
from ktrace.views.screen_model import MAIN, ScreenModel
from ktrace.views.view import Player

_NOTE_KEPT = 12  # characters
_WITHOUT_KEYS = "Ctrl-C: stop and summarise"


def footer(
    model: ScreenModel,
    analysis: Analysis,
    width: int,
    note: str,
    has_keys: bool,
    player: Player | None,
) -> Text:
    """note: what stands on the left, if anything does."""
    if model.typing:
        return _line(f"/{safe(model.filter)}_", "Enter: keep  Esc: drop", width)
    keys = _keys(model, player) if has_keys else [_WITHOUT_KEYS]
    left = f"{safe(note)} ({words.recorded(analysis)})" if note else ""
    if player:
        left = f"{player.status()}  {left}"
    # the shortest that still tells all is better than one that leaves nothing of the note
    right = next(
        (text for text in keys if len(text) + min(len(left), _NOTE_KEPT) + 2 <= width), keys[-1]
    )
    return _line(left, right, width)


def _keys(model: ScreenModel, player: Player | None) -> list[str]:
    """The longest first."""
    end = "q: end" if player else "q: stop and summarise"
    if model.page != MAIN:
        return ["Esc: back", end[:2]]
    if not model.listed:
        return [
            f"\N{UPWARDS ARROW}\N{DOWNWARDS ARROW}  p: pause  t: OOM kills  ?: help  {end}",
            f"?: help  {end}",
        ]
    filtered = f"/: filter ({safe(model.filter)})" if model.filter else "/: filter"
    time = "space  \N{LEFTWARDS ARROW} \N{RIGHTWARDS ARROW}  n" if player else "p: pause"
    arrows = "\N{UPWARDS ARROW}\N{DOWNWARDS ARROW} Enter"
    return [
        f"{arrows}  s: {model.sort}  {filtered}  {time}  t: OOM kills  b: cost  ?: help  {end}",
        f"{arrows}  s: {model.sort}  {filtered}  ?: help  {end}",
        f"Enter s {filtered}  ?: help  {end}",
        f"?: help  {end}",
        "?: help  q: end",
    ]


def _line(left: str, right: str, width: int) -> Text:
    room = max(0, width - len(right) - 2)
    shown = shorten.at_end(left, room) if room else ""
    return Text(f"{shown:<{room}}  {right}", no_wrap=True, overflow="ellipsis", style="dim")

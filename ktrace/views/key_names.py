"""Names of the keys that a terminal sends, as ECMA-48 and xterm write them."""

import re

_NAMES = {
    "\r": "enter",
    "\n": "enter",
    "\t": "tab",
    " ": "space",
    "\x7f": "backspace",
    "\b": "backspace",
    "\x1b": "esc",
    "\x1b[A": "up",
    "\x1b[B": "down",
    "\x1b[C": "right",
    "\x1b[D": "left",
    "\x1b[H": "home",
    "\x1b[F": "end",
    "\x1b[1~": "home",
    "\x1b[4~": "end",
    "\x1b[5~": "pgup",
    "\x1b[6~": "pgdn",
    "\x1b[7~": "home",
    "\x1b[8~": "end",
    "\x06": "pgdn",  # as less and vi
    "\x02": "pgup",
}
# CSI and SS3 sequences, an Alt key, or a character
_KEY = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1bO[@-~]|\x1b[^\x1b\[O]|.", re.DOTALL)


def names(text: str) -> list[str]:
    """ "\\x1b[Aq" is ["up", "q"]; what ktrace has no name for is left out."""
    found = []
    for match in _KEY.finditer(text):
        key = match.group()
        if key.startswith("\x1bO"):  # cursor keys in application mode
            key = "\x1b[" + key[2:]
        name = _NAMES.get(key, key if len(key) == 1 and key.isprintable() else "")
        if name:
            found.append(name)
    return found

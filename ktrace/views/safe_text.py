"""Text from a kernel made safe to show: a task's name can hold anything."""

import re

# C0 and C1 controls, DEL, and what reorders or hides text (Unicode TR 36): bidi, zero width,
# line and paragraph separators, lone surrogates
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def safe(text: str) -> str:
    """text with every character that a terminal could obey written as an escape."""
    return _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"

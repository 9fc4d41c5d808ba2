"""Text from a kernel made safe to show: a task's name can hold anything."""

import re

# C0 and C1 controls, DEL, and what reorders, hides or joins text (Unicode TR 36): the soft hyphen,
# the grapheme joiner, bidi marks, embeddings and isolates, fillers that look like nothing (Hangul,
# Khmer, Mongolian), zero width, line and paragraph separators, interlinear annotations, lone
# surrogates, noncharacters, musical format characters, tags and variation selectors
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def safe(text: str) -> str:
    """text with every character that a terminal could obey, or that hides what is there, written
    as an escape. What is safe stays as it is, so that it may pass twice."""
    return text if text.isascii() and text.isprintable() else _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

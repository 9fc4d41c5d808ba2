"""Bytes of a log as lines of text: what terminals, web pages and mailers did to them undone.

Colours, carriage returns, tabs, no-break spaces, HTML's entities, quoted-printable. The number of
lines stays: a soft line break of quoted-printable leaves None in place of the lines it joined.
"""

import quopri
import re

_COLOUR = re.compile(rb"(?:\x1b|#033|\^\[)\[[0-9;]{0,20}[mK]")
_ENTITY = re.compile(rb"&(lt|gt|amp|quot|apos|nbsp|#\d{1,5}|#[xX][0-9a-fA-F]{1,4});")
_TAG = re.compile(rb"</?(?:br|pre|code|span|div|p|b|tt|font)\b[^<>\n]{0,200}>", re.IGNORECASE)
_NAMED = {b"lt": b"<", b"gt": b">", b"amp": b"&", b"quot": b'"', b"apos": b"'", b"nbsp": b" "}
_QUOTED_PRINTABLE = re.compile(
    rb"=(?:C2=A0|20\r?\n|3D|E2=80)|(?P<header>Encoding: *quoted-printable)", re.I
)
# What it finds has one of these in it, which are found faster
_SIGN = re.compile(rb"=(?:C2=A0|c2=a0|C2=a0|c2=A0|20\r?\n|3[Dd]|[Ee]2=80)")
_HEADERS = (b"-prin", b"-Prin", b"-PRIN")  # five bytes: scanner.py says why
_TAGS = (b"<br", b"</div", b"</spa", b"</p>")
# Every "=" of quoted-printable is followed by two digits, or by the end of the line. No encoder has
# a reason to encode a letter or a digit (but for mbox's "From "), and none leaves the "=" of a
# journal's field: "_BOOT_ID=58".
_ENCODED = re.compile(
    r"(?!\s*_{0,2}[A-Z][A-Z0-9_]*=(?!3D|$))(?:=46(?=rom ))?[^=]*"
    r"(?:=(?!3[0-9]|[46][1-9A-F]|[57][0-9A])[0-9A-F]{2}[^=]*)*=?"
)
_NO_BREAK = "\u00a0".encode()


class Decoder:
    """Remembers what a mail's header said, and a line that a soft break has left open."""

    def __init__(self) -> None:
        self._quoted_printable = False
        self._open: str | None = None

    @property
    def is_plain(self) -> bool:
        """No quoted-printable so far."""
        return not self._quoted_printable

    def text(self, chunk: bytes) -> tuple[str, int | None]:
        """Whole lines as text, and from which of them on it is quoted-printable; None: it is not.
        Never fails."""
        start = 0 if self._quoted_printable else None
        if start is None and (sign := _sign(chunk)):
            self._quoted_printable = True
            start = chunk.count(b"\n", 0, sign.start()) if sign["header"] else 0
        if b"\r" in chunk:
            chunk = chunk.replace(b"\r", b"")
        if b"\x1b" in chunk or b"#033[" in chunk or b"^[[" in chunk:
            chunk = _COLOUR.sub(b"", chunk)
        if b"&" in chunk and b";" in chunk:
            chunk = _ENTITY.sub(_unescaped, _TAG.sub(b"", chunk))
        elif any(tag in chunk for tag in _TAGS):
            chunk = _TAG.sub(b"", chunk)
        if b"\t" in chunk:
            chunk = chunk.replace(b"\t", b" ")
        if not chunk.isascii():
            chunk = chunk.replace(_NO_BREAK, b" ")
        return chunk.decode("utf-8", "backslashreplace"), start

    def lines(self, text: str, quoted_printable: int | None) -> list[str | None]:
        """The lines of what text() has returned."""
        lines: list[str | None] = [*text.split("\n")]
        if not lines[-1]:
            lines.pop()
        if quoted_printable is None:
            return lines
        return lines[:quoted_printable] + self._decoded(lines[quoted_printable:])

    def _decoded(self, lines: list[str | None]) -> list[str | None]:
        for index, line in enumerate(lines):
            assert line is not None
            line = (self._open or "") + line
            self._open = None
            if not _ENCODED.fullmatch(line):
                lines[index] = line
            elif line.endswith("=") and len(line) < 4000:
                self._open, lines[index] = line[:-1], None
            else:
                lines[index] = _unquoted(line)
        return lines


def _sign(chunk: bytes) -> re.Match[bytes] | None:
    """That it is quoted-printable."""
    if _SIGN.search(chunk) or any(header in chunk for header in _HEADERS):
        return _QUOTED_PRINTABLE.search(chunk)
    return None


def _unquoted(line: str) -> str:
    plain = quopri.decodestring(line.encode("utf-8", "backslashreplace"))
    text = plain.replace(_NO_BREAK, b" ").decode("utf-8", "backslashreplace")
    return text.replace("\n", " ").replace("\t", " ")


def _unescaped(entity: re.Match[bytes]) -> bytes:
    name = entity[1]
    if name in _NAMED:
        return _NAMED[name]
    code = int(name[2:], 16) if name[1:2] in b"xX" else int(name[1:])
    if code < 0x20 or 0xD800 <= code < 0xE000:
        return b" "
    return chr(code).encode()

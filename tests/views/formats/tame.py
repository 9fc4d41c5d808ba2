"""Is a page what ktrace made it, whatever stood in the trace?"""

from html.parser import HTMLParser

ELEMENTS = set(
    "html head meta title style body main section h1 h2 h3 p span i b dl dt dd div svg g rect path"
    " line circle text details summary pre code table caption thead tbody tr th td input"
    " script".split()
)
ATTRIBUTES = set(
    "lang charset http-equiv content name class style width height viewbox role aria-label x y x1"
    " x2 y1 y2 cx cy r rx d scope data-sort type placeholder".split()
)
VOID = {"meta", "input"}


class Reader(HTMLParser):
    """Elements, and whether each is closed where it must be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.scripts = 0
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ELEMENTS, tag
        assert {name for name, _ in attrs} <= ATTRIBUTES, attrs
        self.scripts += tag == "script"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def assert_tame(page: str) -> Reader:
    """Only ktrace's own elements and attributes, one script, all closed."""
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    assert reader.scripts == 1
    return reader

"""What every page has around it: style, script, and a policy that lets nothing else in."""

import base64
import hashlib
from importlib.resources import files

from ktrace.views.formats.html.markup import Content, el, render


def frame(title: str, *content: Content) -> str:
    """The whole file. It fetches nothing, and runs no script but its own."""
    script = _resource("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    allowed = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    policy = el("meta", content=allowed)
    policy.set("http-equiv", "Content-Security-Policy")
    head = el(
        "head",
        el("meta", charset="utf-8"),
        policy,
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("title", title),
        el("style", _resource("report.css")),
    )
    body = el("body", content, el("script", script))
    return "<!DOCTYPE html>\n" + render(el("html", head, body, lang="en")) + "\n"


def _resource(name: str) -> str:
    """A file of this package. Output escapes tabs, so it has none."""
    return files(__package__).joinpath(name).read_text().expandtabs(2)

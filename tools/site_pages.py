"""What the documentation site has beside docs/: pages made from the code and from other files."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

COPIED = {
    "reference/architecture.md": "CONTRIBUTING.md",
    "reference/security.md": "SECURITY.md",
    "reference/changes.md": "CHANGELOG.md",
}


def on_files(files: Any, config: Any) -> Any:
    """Add the pages."""
    for uri, text in _pages():
        files.append(File.generated(config, uri, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """A link that leaves docs/ in the repository stays on the site."""
    up = "../" * page.file.src_uri.count("/")
    for uri, source in COPIED.items():
        markdown = re.sub(rf"\]\((\.\./)*{re.escape(source)}", f"]({up}{uri}", markdown)
    return re.sub(r"\]\((?:\.\./)+examples/", f"]({up}examples/", markdown)


def _pages() -> Iterator[tuple[str, str]]:
    yield "reference/commands.md", _commands()
    for uri, source in COPIED.items():
        text = (ROOT / source).read_text()
        yield uri, text.replace("](docs/", "](../").replace("](examples/", "](../examples/")
    for path in sorted((ROOT / "examples").glob("*/README.md")):
        name = path.parent.name
        text = re.sub(r"\]\((?!https?:|#|\.\./)[^)]*\)", f"](#{name})", path.read_text())
        yield f"examples/{name}/README.md", re.sub(r"\[([^]]*)\]\(#[^)]*\)", r"`\1`", text)


def _commands() -> str:
    """The help of each command, as the command prints it."""
    from ktrace.cli import cli

    parts = ["# Commands", "", *_help("ktrace", cli, click.Context(cli, info_name="ktrace"))]
    return "\n".join(parts) + "\n"


def _help(name: str, command: click.Command, context: click.Context) -> Iterator[str]:
    yield from (f"## {name}", "", "```text", command.get_help(context), "```", "")
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            below = command.get_command(context, child)
            if below:
                inner = click.Context(below, info_name=child, parent=context)
                yield from _help(f"{name} {child}", below, inner)

"""The report as Markdown, for bug trackers: what it says first, then its text in fences."""

import re
from collections.abc import Iterable, Iterator

from ktrace.views.formats.document import Chapter
from ktrace.views.report import foot, head, sections
from ktrace.views.safe_text import safe
from ktrace.views.summary import summary_lines

_TITLES = {
    "oom-hang": "Stuck after SIGKILL",
    "bad-page": "Bad pages",
    "oom-livelock": "OOM livelock",
    "stuck": "Blocked tasks",
    "hung-task": "Hung tasks",
    "alarm": "Alarms",
}


def lines(chapters: list[Chapter]) -> Iterable[str]:
    for chapter in chapters:
        yield from _chapter(chapter)


def _chapter(chapter: Chapter) -> Iterator[str]:
    session, end = chapter.analysis.session, chapter.result
    if end is None:
        return
    yield f"## ktrace {code(session.command)}: {end.verdict}"
    yield ""
    for line in summary_lines(chapter.analysis, end, brief=True, known=chapter.known):
        yield f"- {text(line)}"
    yield ""
    yield from _fenced([f"file {safe(chapter.file)}", *head(chapter)])
    for name, section in sections(chapter):
        yield f"### {text(_TITLES.get(name, name))}"
        yield ""
        yield from _fenced(section)
    if chapter.notes or chapter.left_out:
        yield from _fenced(foot(chapter, end))


def _fenced(block: list[str]) -> Iterator[str]:
    """A fence that nothing in the block can end."""
    shown = [safe(line) for line in block]
    while shown and not shown[-1]:
        shown.pop()
    longest = max((len(run) for line in shown for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from [f"{fence}text", *shown, fence, ""]


def text(line: str) -> str:
    """What Markdown and HTML would read as markup is written as itself."""
    return re.sub(r"([\\`*<>\[\]#&~|@]|(?<!\w)_|_(?!\w))", r"\\\1", safe(line))


def code(word: str) -> str:
    """A word in a code span."""
    return f"`{safe(word).replace('`', chr(39))}`"

"""The page: for each run its verdict, its pictures, its tables, and the text of the report."""

from collections.abc import Sequence

from ktrace.events import BadPage
from ktrace.findings import RamCell, StuckTask
from ktrace.views.finding_text import finding_line
from ktrace.views.formats.document import Chapter
from ktrace.views.formats.folded import folded
from ktrace.views.formats.html.cell_map import cell_map
from ktrace.views.formats.html.chain_graph import chain_graph
from ktrace.views.formats.html.flame import flame
from ktrace.views.formats.html.frame import frame
from ktrace.views.formats.html.histogram import histogram
from ktrace.views.formats.html.markup import Content, Element, el
from ktrace.views.formats.html.page_words import page_words
from ktrace.views.formats.html.tables import tables
from ktrace.views.formats.html.timeline import timeline
from ktrace.views.formats.stuck_time import stuck_times
from ktrace.views.report import foot, head, sections
from ktrace.views.safe_text import safe
from ktrace.views.summary import probe_count, summary_lines
from ktrace.views.words import count, watched

_PAGES_DRAWN = 20


def page(chapters: Sequence[Chapter]) -> str:
    """The whole file."""
    title = "ktrace: " + ", ".join(_title(chapter) for chapter in chapters[:3])
    return frame(title, _cells(chapters), [_chapter(chapter) for chapter in chapters])


def _title(chapter: Chapter) -> str:
    session = chapter.analysis.session
    return f"{session.command} on {session.host}"


def _chapter(chapter: Chapter) -> Element:
    times = stuck_times(chapter)
    findings = [one.finding for one in times]
    return el(
        "main",
        _verdict(chapter),
        _facts(chapter),
        _part("Timeline", timeline(chapter, times)),
        _part("What waits for what", chain_graph(findings)),
        _part("Where time was lost", flame(folded(times))),
        _part("Times from kill to death", histogram([("after", _deaths(chapter))])),
        _part("Bad pages", [page_words(page) for page in chapter.pages[:_PAGES_DRAWN]]),
        tables(chapter, times),
        _text(chapter),
    )


def _deaths(chapter: Chapter) -> list[float]:
    """Seconds from kill to death, where the command is about that."""
    analysis = chapter.analysis
    if not any(StuckTask.finding in problem.findings for problem in analysis.reported):
        return []
    return [kill.after_s for kill in analysis.kills.kills if kill.exact]


def _verdict(chapter: Chapter) -> list[Element]:
    end = chapter.result
    verdict = end.verdict if end else "inconclusive"
    lines = (
        summary_lines(chapter.analysis, end, brief=True, known=chapter.known)[:-1] if end else []
    )
    why = f" {end.why}" if end and end.why else ""
    found = [finding_line(one) for one in chapter.analysis.current() if isinstance(one, RamCell)]
    return [
        el("h1", "ktrace ", _title(chapter), " ", el("span", verdict, class_=f"verdict {verdict}")),
        el("p", why, class_="note") if why else el("p"),
        *(el("p", line, class_="headline") for line in [*found, *lines]),
    ]


def _facts(chapter: Chapter) -> Element:
    session, end = chapter.analysis.session, chapter.result
    missing = [probe for probe in chapter.analysis.probes.values() if probe.state == "missing"]
    lost = "not known" if end is None else count(end.lost, "event")
    facts: list[tuple[str, str]] = [
        ("file", chapter.file),
        ("kernel", f"{session.kernel} {session.machine}"),
        ("boot", session.boot_id),
        ("traced", f"{session.wall}, for {watched(session, chapter.analysis.t)}"),
        ("probes", f"{probe_count(chapter.analysis)}, loader {session.loader}"),
        *(("no probe on", f"{probe.function}: {probe.why}") for probe in missing),
        ("lost", lost),
        *(("note", text) for text in (*session.warnings, *chapter.notes)),
    ]
    return el("dl", [(el("dt", name), el("dd", value)) for name, value in facts if value])


def _part(title: str, content: Content) -> list[Element]:
    """A section; nothing where there is nothing to show."""
    if content is None or content == []:
        return []
    return [el("section", el("h2", title), content)]


def _cells(chapters: Sequence[Chapter]) -> list[Element]:
    """The verdict on all boots, and where their pages lie."""
    pages: list[BadPage] = [page for chapter in chapters for page in chapter.pages]
    found = chapters[-1].analysis.current() if len(chapters) > 1 else []
    cells = [el("p", finding_line(one), class_="headline") for one in found]
    drawn = cell_map(pages)
    return _part("Bad pages in physical memory, boot by boot", [*cells, drawn] if drawn else None)


def _text(chapter: Chapter) -> Element:
    lines = [*head(chapter), ""]
    for _, section in sections(chapter):
        lines += section
    if chapter.result:
        lines += foot(chapter, chapter.result)
    text = el("pre")
    text.text = "\n".join(map(safe, lines))  # el() would escape the ends of lines
    return el("details", el("summary", "The report as text"), text)

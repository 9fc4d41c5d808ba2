"""A comparison as JUnit XML, as CI systems read it."""

import re
from xml.etree import ElementTree

from ktrace.comparison.verdict import Check, Comparison
from ktrace.views.compare_text import text_lines
from ktrace.views.safe_text import safe

_NO_XML = re.compile("[\ufffe\uffff]")  # what safe() leaves and XML 1.0 does not allow
_ELEMENTS = {"fail": "failure", "error": "error", "skip": "skipped"}


def junit_text(comparison: Comparison) -> str:
    """One test suite with a test case for each check."""
    outcomes = [check.outcome for check in comparison.checks]
    suite = ElementTree.Element(
        "testsuite",
        name="ktrace compare",
        tests=str(len(outcomes)),
        failures=str(outcomes.count("fail")),
        errors=str(outcomes.count("error")),
        skipped=str(outcomes.count("skip")),
    )
    for check in comparison.checks:
        _add_case(suite, check)
    ElementTree.SubElement(suite, "system-out").text = "\n".join(
        _clean(line) for line in text_lines(comparison)
    )
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(suite, "unicode")


def _add_case(suite: ElementTree.Element, check: Check) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname="ktrace.compare", name=_clean(check.name)
    )
    if check.outcome in _ELEMENTS:
        ElementTree.SubElement(case, _ELEMENTS[check.outcome], message=_clean(check.why))


def _clean(text: str) -> str:
    return _NO_XML.sub("\ufffd", safe(text))

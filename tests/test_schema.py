"""The schema describes what is really written: examples, and every type there is."""

import gzip
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from ktrace.commands.report import report
from ktrace.events import EVENTS, to_json
from ktrace.findings import finding_to_json
from ktrace.problems import PROBLEMS
from ktrace.schema import CHANGES, member_names, schema
from ktrace.trace.format import FORMAT
from tests.views.hostile import sample

pytestmark = pytest.mark.unit

EXAMPLES = Path(__file__).parents[1] / "examples"
TRACES = sorted(path for path in EXAMPLES.rglob("*.ktrace*") if path.is_file())


def validator(trace: bool) -> Any:
    found = schema(trace)
    jsonschema.Draft202012Validator.check_schema(found)
    return jsonschema.Draft202012Validator(found)


@pytest.mark.parametrize("path", TRACES, ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_lines_of_the_examples(path: Path) -> None:
    data = path.read_bytes()
    text = gzip.decompress(data) if path.name.endswith(".gz") else data
    check = validator(trace=True)
    known = set(member_names(schema(True)))
    lines = [json.loads(line) for line in text.splitlines()]
    for kind in {(line["kind"], line.get("event"), line.get("finding")) for line in lines}:
        some = [x for x in lines if (x["kind"], x.get("event"), x.get("finding")) == kind]
        for line in some[:20]:
            check.validate(line)
            assert line.keys() <= known


def test_json_of_an_example() -> None:
    path = EXAMPLES / "squashfs-hang" / "squashfs-stall.ktrace.gz"
    lines = CliRunner().invoke(report, ["--format", "json", str(path)]).output.splitlines()
    check = validator(trace=False)
    for line in lines:
        check.validate(json.loads(line))


@pytest.mark.parametrize("kind", EVENTS.values(), ids=list(EVENTS))
def test_every_kind_of_event(kind: Any) -> None:
    record = json.loads(json.dumps(to_json(sample(kind, "x"))))
    if "stack" in record:
        record["stack"] = 1
    check = validator(trace=True)
    check.validate(record | {"crc": "0123abcd"})
    with pytest.raises(jsonschema.ValidationError):
        check.validate(record | {"crc": "0123abcd", "t": "now"})
    with pytest.raises(jsonschema.ValidationError):
        check.validate(record | {"crc": "0123abcd", "event": "unheard_of"})


@pytest.mark.parametrize(
    "kind",
    [kind for problem in PROBLEMS for kind in problem.detector_type().findings],
    ids=lambda kind: kind.finding,
)
def test_every_kind_of_finding(kind: Any) -> None:
    record = json.loads(json.dumps(finding_to_json(sample(kind, "x"))))
    validator(trace=False).validate(record)


@pytest.mark.parametrize("trace", [False, True])
def test_names_follow_one_rule(trace: bool) -> None:
    """snake_case for members and events, as Python has them; findings as in the command line."""
    found = schema(trace)
    assert not [
        n for n in member_names(found) if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", n)
    ]
    titles = {record["title"] for record in found["oneOf"]}
    assert all(re.fullmatch(r"[a-z][a-z0-9]*([_-][a-z0-9]+)*", t) for t in titles)


def test_each_version_has_its_line() -> None:
    assert list(CHANGES) == list(range(1, FORMAT + 1))

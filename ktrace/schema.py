"""The JSON Schema of what ktrace writes, made from the types that it writes.

https://json-schema.org/draft/2020-12: of the lines of a trace file, or of those of --json.
"""

import inspect
import types
import typing
from collections.abc import Iterable
from dataclasses import MISSING, fields, is_dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from ktrace.events import EVENTS
from ktrace.findings import End, Session
from ktrace.problems import PROBLEMS
from ktrace.trace.format import FORMAT
from ktrace.typed_json import Form, json_key

Schema = dict[str, Any]

# What each version of the format changed. Members that are only added make no new version.
CHANGES = {
    1: "The first version.",
    2: "In trace files, a walk counts looks in which nothing has changed (unchanged, gone).",
}

_TEXTS: Schema = {"type": "array", "items": {"type": "string"}}
# What the views say of a finding in words, beside its data: ktrace.views.finding_text.prose(), and
# ktrace.views.finding_notes of a kernel log
_OBJECTS: Schema = {"type": "array", "items": {"type": "object"}}
_IN_WORDS: Schema = {"reasoning": _TEXTS, "advice": _TEXTS, "known": _OBJECTS, "source": _OBJECTS}
_STACK: Schema = {"type": "array", "items": {"type": "string"}, "description": "innermost first"}
_STACK_ID: Schema = {"type": ["integer", "null"], "description": "id of a stack line before it"}


def schema(trace: bool) -> Schema:
    """Of one line: of a trace file, or of --json."""
    definitions = _Definitions()
    kinds = [definitions.record("session", Session), definitions.record("end", End)]
    kinds += [
        definitions.record("finding", kind, {"finding": kind.finding, "signature": ""})
        for problem in PROBLEMS
        for kind in problem.detector_type().findings
    ]
    for kind in kinds[2:]:
        kind["properties"] |= _IN_WORDS
    if trace:
        kinds += [
            definitions.record("event", kind, {"event": kind.name}) for kind in EVENTS.values()
        ]
        kinds.append(_stack_line())
        for kind in kinds:
            kind["properties"]["crc"] = {"type": "string", "pattern": "^[0-9a-f]{8}$"}
            kind["required"] = [*kind["required"], "crc"]
            if "stack" in kind["properties"]:
                kind["properties"]["stack"] = _STACK_ID
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:ktrace:{'trace' if trace else 'json'}:{FORMAT}",
        "title": "a line of a ktrace trace file" if trace else "a line of ktrace --json",
        "description": " ".join(f"Version {n}: {text}" for n, text in CHANGES.items()),
        "oneOf": kinds,
        "$defs": definitions.known,
    }


def _stack_line() -> Schema:
    return {
        "title": "stack",
        "type": "object",
        "properties": {"kind": {"const": "stack"}, "id": {"type": "integer"}, "frames": _STACK},
        "required": ["kind", "id", "frames"],
    }


class _Definitions:
    """Types that occur inside others, by name."""

    def __init__(self) -> None:
        self.known: dict[str, Schema] = {}

    def record(self, kind: str, of: Any, names: dict[str, str] | None = None) -> Schema:
        """A line of that kind. names: what else tells it apart; "": any text."""
        head = {"kind": kind, **(names or {})}
        fixed = {key: {"const": name} if name else {"type": "string"} for key, name in head.items()}
        found = self._object(of)
        found["title"] = head.get("event") or head.get("finding") or kind
        found["properties"] = fixed | found["properties"]
        # a trace of an older ktrace may lack the signature, which follows from the rest
        found["required"] = [key for key in head if key != "signature"] + found["required"]
        return found

    def _object(self, of: Any) -> Schema:
        hints = typing.get_type_hints(of, include_extras=True)
        optional = {f.name for f in fields(of) if _has_default(f)}
        return {
            "title": of.__name__,
            "description": inspect.cleandoc(of.__doc__ or ""),
            "type": "object",
            "properties": {json_key(f.name): self._of(hints[f.name]) for f in fields(of)},
            "required": [json_key(f.name) for f in fields(of) if f.name not in optional],
        }

    def _of(self, wanted: Any) -> Schema:
        origin, arguments = get_origin(wanted), get_args(wanted)
        if origin is Annotated:
            return _text(arguments[1])
        if origin in (Union, types.UnionType):
            return {"anyOf": [self._of(kind) for kind in arguments]}
        if origin is tuple:
            return {"type": "array", "items": self._of(arguments[0])}
        if origin is dict:
            return {"type": "object", "additionalProperties": self._of(arguments[1])}
        if is_dataclass(wanted):
            return self._reference(wanted)
        return {"type": _PLAIN[wanted]}

    def _reference(self, wanted: Any) -> Schema:
        name = wanted.__name__
        if name not in self.known:
            self.known[name] = {}  # it may hold others of its own kind
            self.known[name] = self._object(wanted)
        return {"$ref": f"#/$defs/{name}"}


_PLAIN = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    types.NoneType: "null",
}


def _has_default(field: Any) -> bool:
    return field.default is not MISSING or field.default_factory is not MISSING


def _text(form: Form) -> Schema:
    return {"type": "string", "pattern": f"^({form.pattern})$", "description": form.name}


def member_names(of: Schema) -> Iterable[str]:
    """All names of members in a schema, for who wants to check them."""
    for record in (*of["oneOf"], *of["$defs"].values()):
        yield from record["properties"]

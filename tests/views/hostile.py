"""Records with a hostile text in every string that they have, and recorded runs with the same."""

import types
import typing
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, Union, get_args, get_origin

# escape sequences, rich's markup, a new line, bidi, an invisible tag, half a surrogate pair
HOSTILE = "\x1b]0;x\x07\x1b[2J[red]\r\n\u202e\u061c\u00ad\u3164\U000e0041\x9b5m\ud800&<a>#"

# what the views take for numbers in hexadecimal, and so cannot hold text: see ktrace.hexadecimal
Path = tuple[str, ...]


def sample(wanted: Any, text: str, depth: int = 0) -> Any:
    """A value of the type, with text for each string, one item in each tuple."""
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin is typing.Annotated:
        return "0x1"
    if origin in (Union, types.UnionType):
        return None if depth > 6 else sample(arguments[0], text, depth + 1)
    if origin is tuple:
        return () if depth > 6 else (sample(arguments[0], text, depth + 1),)
    if origin is dict:
        return {text: sample(arguments[1], text, depth + 1)}
    if is_dataclass(wanted):
        hints = typing.get_type_hints(wanted, include_extras=True)
        kind: Any = wanted
        return kind(
            **{item.name: sample(hints[item.name], text, depth + 1) for item in fields(wanted)}
        )
    return {str: text, int: 1, float: 200.0, bool: True}[wanted]


def string_paths(kind: Any, depth: int = 0) -> Iterator[Path]:
    """Where a record of that type has text."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is str:
        yield ()
    elif origin in (Union, types.UnionType, tuple) and depth < 8:
        yield from string_paths(arguments[0], depth + 1)
    elif origin is dict:
        yield ("keys",)
    elif is_dataclass(kind) and depth < 8:
        hints = typing.get_type_hints(kind, include_extras=True)
        for item in fields(kind):
            for rest in string_paths(hints[item.name], depth + 1):
                yield (item.name, *rest)


def changed(value: Any, path: Path, change: Callable[[str], str]) -> Any:
    """value with the text at path changed; the same where there is none."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, tuple):
        return tuple(changed(item, path, change) for item in value)
    if isinstance(value, dict):
        return {change(key): item for key, item in value.items()}
    if is_dataclass(value) and path:
        record: Any = value
        return replace(record, **{path[0]: changed(getattr(record, path[0]), path[1:], change)})
    return value

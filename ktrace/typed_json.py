"""Dataclasses from JSON objects, strictly by their annotations.

The JSON may come from a damaged or hostile file: a wrong type is a ValueError that says where.
Keys that the dataclass does not have are ignored, since a newer ktrace may add some.
"""

import functools
import re
import types
import typing
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from ktrace.record import record

T = TypeVar("T")
Build = Callable[[Any, str], Any]  # of a value, and of its name for the error

_INTEGERS = range(-(2**63), 2**64 + 1)  # all that a word of a kernel can be
_FLOAT_MAX = 1e12  # as seconds: 30 000 years; sums and products of such are finite
# What is right as it is, by type: source text, where {} is what gives v its value. For most values
# no call is needed.
_RIGHT: dict[Any, str] = {
    str: "type({}) is str",
    bool: "type({}) is bool",
    int: f"type({{}}) is int and 0 <= v < {2**62}",
    float: f"type({{}}) is float and {-_FLOAT_MAX} <= v <= {_FLOAT_MAX}",
}


@record
class Form:
    """In Annotated[str, Form(...)]: what the text looks like."""

    name: str
    pattern: str  # of all of it


# A number as the kernel prints it, or as hex() does, of 64 bits at most; empty: not known
Hex = Annotated[str, Form("a hexadecimal number", r"((0x)?[0-9a-fA-F]{1,16})?")]


def build(wanted: type[T], value: object, where: str) -> T:
    """The `wanted` that value describes."""
    annotation: Any = wanted
    built: T = _builder(annotation)(value, where)
    return built


def json_key(member: str) -> str:
    """The key of a member: "class" of class_, since class is a word of Python's own."""
    return member.rstrip("_")


@functools.cache
def _builder(wanted: Any) -> Build:
    """Made once for each annotation: looking at annotations is slow."""
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin is Annotated:
        return _text(arguments[1])
    if origin in (Union, types.UnionType):  # X | None is the only kind in use
        unknown = "" if arguments[0] == Hex else None
        return _optional(_builder(arguments[0]), unknown)
    if origin is tuple:  # of any length
        return _texts if arguments[0] is str else _tuple(arguments[0])
    if origin is dict:  # JSON's keys are strings
        return _dict(_builder(arguments[1]))
    if is_dataclass(wanted):
        return _dataclass(wanted)
    return {float: _number, int: _integer}.get(wanted) or _plain(wanted)


def _plain(wanted: type) -> Build:
    def build_plain(value: Any, where: str) -> Any:
        if type(value) is not wanted:
            raise ValueError(f"{where} is not of type {wanted.__name__}")
        return value

    return build_plain


def _text(form: Form) -> Build:
    matches = re.compile(form.pattern).fullmatch

    def build_text(value: Any, where: str) -> str:
        if type(value) is not str or not matches(value):
            raise ValueError(f"{where} is not {form.name}")
        return value

    return build_text


def _integer(value: Any, where: str) -> int:
    if type(value) is not int:
        raise ValueError(f"{where} is not of type int")
    if value not in _INTEGERS:
        raise ValueError(f"{where} has more than 64 bits")
    return value


def _number(value: Any, where: str) -> float:
    if type(value) not in (float, int):
        raise ValueError(f"{where} is not a number")
    if not abs(value) <= _FLOAT_MAX:  # nor is what is not a number
        raise ValueError(f"{where} is no plausible number")
    return float(value)


def _optional(build_it: Build, empty: object = None) -> Build:
    """empty: what else stands for nothing."""
    return lambda value, where: None if value in (None, empty) else build_it(value, where)


def _texts(value: Any, where: str) -> Any:
    if type(value) is tuple:  # see _tuple()
        return value
    if type(value) is not list:
        raise ValueError(f"{where} is not a list")
    for each in value:
        if type(each) is not str:
            raise ValueError(f"{where} is not of type str")
    return tuple(value)


def _tuple(item: Any) -> Build:
    def build_tuple(value: Any, where: str) -> Any:
        if type(value) is tuple:  # JSON has none: it was built before, as stacks of a trace are
            return value
        if type(value) is not list:
            raise ValueError(f"{where} is not a list")
        if not value:
            return ()
        build_item = _builder(item)  # only now: a dataclass may hold a tuple of its own kind
        return tuple([build_item(each, where) for each in value])

    return build_tuple


def _dict(build_item: Build) -> Build:
    def build_dict(value: Any, where: str) -> Any:
        if type(value) is not dict:
            raise ValueError(f"{where} is not an object")
        return {key: build_item(item, where) for key, item in value.items()}

    return build_dict


_BUILD = """
def build(value, where):
    try:
        if type(value) is dict:
            return wanted({})
    except KeyError:  # one is missing
        pass
    return otherwise(value, where)
"""


def _dataclass(wanted: Any) -> Build:
    hints = typing.get_type_hints(wanted, include_extras=True)
    members = [(f.name, json_key(f.name), hints[f.name]) for f in fields(wanted)]
    makers = {name: _builder(hint) for name, _, hint in members}
    optional = {
        f.name
        for f in fields(wanted)
        if f.default is not MISSING or f.default_factory is not MISSING
    }

    def build_part(value: Any, where: str) -> Any:
        """Of an object that does not have every key; or of what is no object."""
        if type(value) is not dict:
            raise ValueError(f"{where} is not an object")
        found = {name: makers[name](value[key], key) for name, key, _ in members if key in value}
        for name, key, _ in members:
            if name not in found and name not in optional:
                raise ValueError(f"{where} has no {key}")
        return wanted(**found)

    return _compiled(wanted, members, makers, build_part)


def _compiled(
    wanted: Any,
    members: list[tuple[str, str, Any]],
    makers: dict[str, Build],
    otherwise: Build,
) -> Build:
    """For objects that have every key, as those that ktrace writes do. A loop over the members
    would take half of the time of reading a trace."""
    arguments = []
    for name, key, hint in members:
        right = _right(hint).format(f"v := value[{key!r}]")
        given = f"v if {right} else make_{name}(v, {key!r})"
        arguments.append(f"{name}={given if right else f'make_{name}(value[{key!r}], {key!r})'}")
    names = {"wanted": wanted, "otherwise": otherwise}
    names |= {f"make_{name}": make for name, make in makers.items()}
    exec(_BUILD.format(", ".join(arguments)), names)
    made: Build = names["build"]
    return made


def _right(wanted: Any) -> str:
    """As _RIGHT has it; "" where nothing is known to be right before it is looked into."""
    if get_origin(wanted) in (Union, types.UnionType):
        inner = _right(get_args(wanted)[0]).format("v")
        return "({}) is None" + (f" or {inner}" if inner else "")
    if get_origin(wanted) is tuple:
        return "type({}) is tuple"  # see _tuple()
    return _RIGHT.get(wanted, "")

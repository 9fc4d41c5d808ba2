"""Records: frozen dataclasses with slots that are cheap to define and to make.

dataclasses compile up to six methods of each class when it is defined, some 0.5 ms, and a live run
has 150 classes. Of a record only __init__ is compiled; comparing, hashing and showing are closures
over the names. That nobody changes a record is for the type checker to see, not for each record at
run time, where it would make __init__ three times slower.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform, overload

T = TypeVar("T")


@overload
def record(cls: type[T], /) -> type[T]: ...


@overload
def record(*, kw_only: bool) -> Callable[[type[T]], type[T]]: ...


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(
    cls: type[T] | None = None, /, *, kw_only: bool = False
) -> type[T] | Callable[[type[T]], type[T]]:
    """As @dataclass(frozen=True, slots=True), to be changed by replace() alone."""

    def decorate(plain: type[T]) -> type[T]:
        made = dataclass(repr=False, eq=False, slots=True, kw_only=kw_only)(plain)
        compared = [each.name for each in fields(made) if each.compare]  # type: ignore[arg-type]
        for method in _methods(compared):
            if method.__name__ not in plain.__dict__:
                setattr(made, method.__name__, method)
        return made

    return decorate if cls is None else decorate(cls)


def _methods(compared: list[str]) -> tuple[Callable[..., Any], ...]:
    key: Callable[[Any], Any] = attrgetter(*compared) if compared else lambda _: ()

    def __eq__(self: Any, other: object) -> Any:
        return key(self) == key(other) if type(other) is type(self) else NotImplemented

    def __hash__(self: Any) -> int:
        return hash(key(self))

    return __eq__, __hash__, _show


def _show(self: Any) -> str:
    shown = [f"{f.name}={getattr(self, f.name)!r}" for f in fields(self) if f.repr]
    return f"{type(self).__qualname__}({', '.join(shown)})"


_show.__name__ = "__repr__"

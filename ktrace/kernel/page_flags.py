"""Bits of page->flags: names, fields on top, and which of them bad_page() minds."""

from dataclasses import dataclass

from ktrace.events import Trigger


@dataclass(frozen=True, slots=True)
class Field:
    """A number in the upper bits of the flags word: zone, node, section, lastcpupid, ..."""

    name: str
    shift: int
    width: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """A flags word taken apart."""

    names: tuple[str, ...]  # of the set bits, lowest first: "private_2"; "bit 24" without a name
    fields: tuple[str, ...]  # "zone=1"


@dataclass(frozen=True, slots=True)
class PageFlags:
    """The layout of one kernel's page->flags."""

    origin: str  # where the layout is from, for the user
    names: dict[int, str]  # bit -> name, as the kernel prints it
    fields: tuple[Field, ...]
    at_prep: int  # PAGE_FLAGS_CHECK_AT_PREP: must be clear when a page is allocated
    at_free: int  # PAGE_FLAGS_CHECK_AT_FREE: must be clear when a page is freed

    def decode(self, flags: int) -> Decoded:
        raise NotImplementedError

    def triggers(
        self,
        path: str,
        flags: int,
        *,
        refcount: int | None = None,
        mapcount: int | None = None,
        mapping: int | None = None,
        memcg: int | None = None,
        page_pool: int | None = None,
    ) -> tuple[Trigger, ...]:
        """Every test of page_bad_reason() that fails.

        path: alloc or free; mapcount: as printed, 0 for a page that nobody maps (_mapcount + 1).
        None: unknown, not tested.
        """
        raise NotImplementedError

"""struct bad_page of bpf/events.h as a typed event: the struct page taken apart."""

import os
from typing import TYPE_CHECKING, Any

from ktrace.events import BadPage, Stack
from ktrace.kernel.boot import boot_id
from ktrace.kernel.config import running_config
from ktrace.kernel.page_flags import PageFlags
from ktrace.kernel.page_functions import path_of
from ktrace.kernel.page_struct import Counts, PageStruct
from ktrace.kernel.page_types import PageTypes, page_types_of
from ktrace.kernel.release import release_of
from ktrace.sources.live.decode.fields import seconds, task, text

if TYPE_CHECKING:
    from ktrace.kernel.btf import Btf

_POOL_REASON = "page_pool"  # what page_bad_reason() says begins with, where it has that test


class PageDecoder:
    """Decodes with the facts of the running kernel."""

    def __init__(
        self,
        flags: PageFlags,
        layout: PageStruct,
        boot: str,
        kernel: str,
        types: PageTypes | None = None,
    ) -> None:
        self._flags = flags
        self._types = types
        self._layout = layout
        self._boot = boot
        self._kernel = kernel

    @classmethod
    def of_kernel(cls, btf: "Btf | None") -> "PageDecoder":
        """By the running kernel's BTF; without one only raw words are told."""
        return cls.of_types(btf, boot_id(), os.uname().release, running_config() if btf else {})

    @classmethod
    def of_types(
        cls, btf: "Btf | None", boot: str, release: str, config: dict[str, str]
    ) -> "PageDecoder":
        """By those of the kernel of that release; config: its CONFIG_ options."""
        if btf is None:
            flags = PageFlags("unknown: no BTF is read", {}, (), 0, 0)
            return cls(flags, PageStruct({}), boot, release)
        try:
            flags = PageFlags.of_btf(btf, "that kernel's BTF", config)
        except ValueError:
            flags = PageFlags("unknown: that kernel's BTF has no enum pageflags", {}, (), 0, 0)
        types = PageTypes.of_btf(btf) or page_types_of(release_of(release))
        return cls(flags, PageStruct.of_btf(btf), boot, release, types)

    def bad_page(self, raw: Any, stack: Stack) -> BadPage:
        """raw: a struct bad_page."""
        words = self._layout.words(raw.words)
        flags = words[0]
        names = self._flags.decode(flags)
        counts = self._layout.counts(words)
        reason = text(raw.reason)
        path = path_of(reason, stack)
        return BadPage(
            t=seconds(raw.event.t),
            boot=self._boot,
            kernel=self._kernel,
            by=task(raw.by),
            pfn=raw.pfn if raw.pfn >= 0 else None,
            page=hex(raw.page),
            page_phys=hex(raw.page_phys) if raw.page_phys else None,
            flags=hex(flags),
            flag_names=names.names,
            fields=names.fields,
            refcount=counts.refcount,
            mapcount=counts.mapcount,
            mapping=_hex(counts.mapping),
            memcg=_hex(counts.memcg),
            triggered=self._layout.placed(
                self._flags.triggers(
                    path,
                    flags,
                    refcount=counts.refcount,
                    mapcount=counts.mapcount,
                    mapping=counts.mapping,
                    memcg=counts.memcg,
                    page_pool=_pool(counts, reason),
                    page_type=self._type(counts.mapcount),
                )
            ),
            path=path,
            reason=reason,
            stack=stack,
            words=tuple(hex(word) for word in words),
            private=_hex(counts.private),
            lru=tuple(hex(word) for word in counts.lru),
        )

    def _type(self, mapcount: int | None) -> str:
        if mapcount is None or self._types is None:
            return ""
        return self._types.of(mapcount - 1 & 0xFFFFFFFF)


def _pool(counts: Counts, reason: str) -> int | None:
    """pp_magic, when the kernel itself says that a page_pool still has the page: other uses of a
    page have something else in the same place."""
    return counts.pp_magic if reason.startswith(_POOL_REASON) else None


def _hex(value: int | None) -> str | None:
    return None if value is None else hex(value)

"""One BPF object file: chosen programs loaded and attached, maps shared by name."""

import ctypes
import os
import re
import struct
from typing import Any

from ktrace.findings import Probe
from ktrace.kernel.btf import Btf
from ktrace.kernel.libbpf import OpenOptions, check, lib
from ktrace.package import bpf_object
from ktrace.probes.catalog import one_of_each
from ktrace.probes.ladder import WALK, KernelHooks, Ladder, Rung, ladders, rung_of

_KNOB_FORMATS = {1: "=B", 4: "=I", 8: "=Q"}
_INTERNAL_MAPS = (".rodata", ".bss", ".data")


class BpfObject:
    """An object of the package's bpf folder. Maps that `shared` has already are reused, others
    are added to it: file descriptors, which the owner of `shared` closes.

    When a program cannot be loaded or attached, the object is opened again without it and the
    function's next rung is tried: a BPF object loads as a whole or not at all.
    """

    def __init__(
        self, name: str, hooks: KernelHooks, knobs: dict[str, int], shared: dict[str, int]
    ) -> None:
        """Reads the file: a module may come when its disk hangs."""
        self.name = name
        with open(bpf_object(name), "rb") as file:
            self._file = file.read()
        self._hooks = hooks
        self._knobs = knobs
        self._shared = shared
        self._handle = 0
        self._links: dict[str, int] = {}
        self._to_run: dict[str, int] = {}  # programs that are attached to nothing
        self._ladders: list[Ladder] = []

    def attach(self) -> list[Probe]:
        """One Probe for each function of the object."""
        self._open()
        self._ladders = list(ladders([rung_of(*names) for _, *names in self._programs()]))
        for ladder in self._ladders:
            self._climb(ladder)
        while not self._try_attach():
            self.close()
            self._open()
        return one_of_each([self._probe(ladder) for ladder in self._ladders])

    def link_fd(self, program: str) -> int:
        """Of an attached program. Raises KeyError."""
        return int(lib().bpf_link__fd(self._links[program]))

    def program_fd(self, program: str) -> int | None:
        """Of a program that is loaded to be run; None: it is not."""
        handle = self._to_run.get(program)
        return None if handle is None else int(lib().bpf_program__fd(handle))

    def program_fds(self) -> dict[str, int]:
        """Of all that are attached, by the function that they hook."""
        return {
            rung_of(program, section).function: lib().bpf_program__fd(handle)
            for handle, program, section in self._programs()
            if program in self._links
        }

    def close(self) -> None:
        self._to_run.clear()
        for link in self._links.values():
            lib().bpf_link__destroy(link)
        self._links.clear()
        if self._handle:
            lib().bpf_object__close(self._handle)
            self._handle = 0

    def _open(self) -> None:
        self._handle = check(
            lib().bpf_object__open_mem(self._file, len(self._file), self._options()),
            f"open BPF object {self.name}",
        )
        for handle, name in self._maps():
            internal = name.endswith(_INTERNAL_MAPS)
            if name.endswith(".rodata"):
                self._set_knobs(handle)
            elif name in self._shared and not internal:
                check(lib().bpf_map__reuse_fd(handle, self._shared[name]), f"share map {name}")

    def _options(self) -> Any:
        if not self._hooks.btf_file:
            return None
        path = self._hooks.btf_file.encode()
        return ctypes.byref(OpenOptions(sz=ctypes.sizeof(OpenOptions), btf_custom_path=path))

    def _climb(self, ladder: Ladder) -> None:
        """Note what speaks against the rungs down to the first that nothing does."""
        if not self._hooks.present(ladder.function):
            return
        while rung := ladder.best():
            why = self._hooks.refusal(rung)
            if not why:
                return
            ladder.refused[rung.hook] = why

    def _chosen(self) -> dict[str, tuple[Ladder, Rung]]:
        chosen = {}
        for ladder in self._ladders:
            rung = ladder.best()
            if rung and self._hooks.present(ladder.function):
                chosen[rung.program] = (ladder, rung)
        return chosen

    def _try_attach(self) -> bool:
        """False when a rung turned out not to hold: it is noted, try again without it."""
        chosen = self._chosen()
        for handle, program, _ in self._programs():
            lib().bpf_program__set_autoload(handle, program in chosen)
        if not chosen:
            return True
        lib().messages.clear()
        if lib().bpf_object__load(self._handle) < 0:
            self._blame_load(chosen, ctypes.get_errno())
            return False
        for handle, name in self._maps():
            if not name.endswith(_INTERNAL_MAPS) and name not in self._shared:
                # a duplicate: it outlives this attempt, which may be closed for another
                self._shared[name] = os.dup(lib().bpf_map__fd(handle))
        holds = True
        for handle, program, _ in self._programs():
            if program not in chosen:
                continue
            if chosen[program][1].hook == WALK:
                self._to_run[program] = handle
                continue
            link = lib().bpf_program__attach(handle)
            if link:
                self._links[program] = link
                continue
            ladder, rung = chosen[program]
            ladder.refused[rung.hook] = f"cannot attach: {os.strerror(ctypes.get_errno())}"
            self._climb(ladder)
            # open again only for another rung: without one, the others are fine as they are
            holds = holds and ladder.best() is None
        return holds

    def _blame_load(self, chosen: dict[str, tuple[Ladder, Rung]], errno: int) -> None:
        """Which program made the load fail; all of them when libbpf does not say."""
        text = "\n".join(lib().messages)
        named = re.findall(r"prog '([^']+)'", text)
        guilty = [program for program in chosen if program in named] or list(chosen)
        for program in guilty[:1] if named else guilty:
            ladder, rung = chosen[program]
            ladder.refused[rung.hook] = f"cannot load: {os.strerror(errno)}"
            self._climb(ladder)

    def _probe(self, ladder: Ladder) -> Probe:
        if not self._hooks.present(ladder.function):
            return Probe(ladder.function, "", "waiting", "its module is not loaded")
        rung = ladder.best()
        if rung and (rung.program in self._links or rung.program in self._to_run):
            return Probe(ladder.function, rung.hook, "attached", ladder.why_not())
        return Probe(ladder.function, "", "missing", ladder.why_not())

    def _programs(self) -> list[tuple[int, str, str]]:
        """(handle, name, section), in the object's order."""
        return [
            (
                handle,
                lib().bpf_program__name(handle).decode(),
                lib().bpf_program__section_name(handle).decode(),
            )
            for handle in self._each(lib().bpf_object__next_program)
        ]

    def _maps(self) -> list[tuple[int, str]]:
        handles = self._each(lib().bpf_object__next_map)
        return [(handle, lib().bpf_map__name(handle).decode()) for handle in handles]

    def _each(self, following: Any) -> list[int]:
        handles: list[int] = []
        while handle := following(self._handle, handles[-1] if handles else None):
            handles.append(handle)
        return handles

    def _set_knobs(self, rodata: int) -> None:
        """Write the knobs that this object has into its .rodata, before it is loaded."""
        size = ctypes.c_size_t()
        base = check(
            lib().bpf_map__initial_value(rodata, ctypes.byref(size)), "find the object's knobs"
        )
        for name, (offset, width) in Btf.of_object(self._handle).variables(".rodata").items():
            if name in self._knobs:
                packed = struct.pack(_KNOB_FORMATS[width], self._knobs[name])
                ctypes.memmove(base + offset, packed, width)

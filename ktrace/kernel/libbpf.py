"""The part of libbpf.so.1 that ktrace calls, and its errors as exceptions.

Every function of libbpf 1.x used here returns NULL or a negative value on error and sets errno
(libbpf's LIBBPF_STRICT_ALL behaviour, the only one since 1.0).
"""

import ctypes
import os
from ctypes import CFUNCTYPE, POINTER, c_bool, c_char_p, c_int, c_size_t, c_uint, c_void_p
from typing import Any

from ktrace.errors import CannotTrace

SAMPLE_CALLBACK = CFUNCTYPE(c_int, c_void_p, c_void_p, c_size_t)
PERF_CALLBACK = CFUNCTYPE(None, c_void_p, c_int, c_void_p, c_uint)
LOST_CALLBACK = CFUNCTYPE(None, c_void_p, c_int, ctypes.c_uint64)
_PRINT_CALLBACK = CFUNCTYPE(c_int, c_int, c_char_p, c_void_p)

_PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "libbpf_set_print": (c_void_p, [_PRINT_CALLBACK]),
    "libbpf_num_possible_cpus": (c_int, []),
    "libbpf_version_string": (c_char_p, []),
    "bpf_object__open_file": (c_void_p, [c_char_p, c_void_p]),
    "bpf_object__open_mem": (c_void_p, [c_char_p, c_size_t, c_void_p]),
    "bpf_object__load": (c_int, [c_void_p]),
    "bpf_object__close": (None, [c_void_p]),
    "bpf_object__btf": (c_void_p, [c_void_p]),
    "bpf_object__next_program": (c_void_p, [c_void_p, c_void_p]),
    "bpf_object__next_map": (c_void_p, [c_void_p, c_void_p]),
    "bpf_program__name": (c_char_p, [c_void_p]),
    "bpf_program__section_name": (c_char_p, [c_void_p]),
    "bpf_program__set_autoload": (c_int, [c_void_p, c_bool]),
    "bpf_program__attach": (c_void_p, [c_void_p]),
    "bpf_program__fd": (c_int, [c_void_p]),
    "bpf_prog_test_run_opts": (c_int, [c_int, c_void_p]),
    "bpf_link__fd": (c_int, [c_void_p]),
    "bpf_link__destroy": (c_int, [c_void_p]),
    "bpf_iter_create": (c_int, [c_int]),
    "bpf_map__name": (c_char_p, [c_void_p]),
    "bpf_map__fd": (c_int, [c_void_p]),
    "bpf_map__max_entries": (c_uint, [c_void_p]),
    "bpf_map__reuse_fd": (c_int, [c_void_p, c_int]),
    "bpf_map__initial_value": (c_void_p, [c_void_p, POINTER(c_size_t)]),
    "bpf_map_lookup_elem": (c_int, [c_int, c_void_p, c_void_p]),
    "bpf_map_update_elem": (c_int, [c_int, c_void_p, c_void_p, ctypes.c_uint64]),
    "bpf_map_delete_elem": (c_int, [c_int, c_void_p]),
    "bpf_map_lookup_batch": (
        c_int,
        [c_int, c_void_p, c_void_p, c_void_p, c_void_p, POINTER(ctypes.c_uint32), c_void_p],
    ),
    "bpf_map_get_next_key": (c_int, [c_int, c_void_p, c_void_p]),
    "bpf_prog_load": (c_int, [c_int, c_char_p, c_char_p, c_void_p, c_size_t, c_void_p]),
    "bpf_raw_tracepoint_open": (c_int, [c_char_p, c_int]),
    "ring_buffer__new": (c_void_p, [c_int, SAMPLE_CALLBACK, c_void_p, c_void_p]),
    "ring_buffer__poll": (c_int, [c_void_p, c_int]),
    "ring_buffer__consume": (c_int, [c_void_p]),
    "ring_buffer__free": (None, [c_void_p]),
    "perf_buffer__new": (
        c_void_p,
        [c_int, c_size_t, PERF_CALLBACK, LOST_CALLBACK, c_void_p, c_void_p],
    ),
    "ring_buffer__epoll_fd": (c_int, [c_void_p]),
    "perf_buffer__epoll_fd": (c_int, [c_void_p]),
    "bpf_enable_stats": (c_int, [c_int]),
    "bpf_obj_get_info_by_fd": (c_int, [c_int, c_void_p, POINTER(ctypes.c_uint32)]),
    "perf_buffer__poll": (c_int, [c_void_p, c_int]),
    "perf_buffer__consume": (c_int, [c_void_p]),
    "perf_buffer__free": (None, [c_void_p]),
    "btf__load_vmlinux_btf": (c_void_p, []),
    "btf__load_module_btf": (c_void_p, [c_char_p, c_void_p]),
    "btf__parse": (c_void_p, [c_char_p, c_void_p]),
    "btf__parse_split": (c_void_p, [c_char_p, c_void_p]),
    "btf__type_cnt": (c_uint, [c_void_p]),
    "btf__free": (None, [c_void_p]),
    "btf__find_by_name_kind": (c_int, [c_void_p, c_char_p, c_uint]),
    "btf__type_by_id": (c_void_p, [c_void_p, c_uint]),
    "btf__name_by_offset": (c_char_p, [c_void_p, c_uint]),
    "btf__pointer_size": (c_size_t, [c_void_p]),
    "btf__resolve_size": (ctypes.c_longlong, [c_void_p, c_uint]),
}


class OpenOptions(ctypes.Structure):
    """struct bpf_object_open_opts of libbpf 1.x, src/libbpf.h, as far as it is set."""

    _fields_ = (
        ("sz", c_size_t),
        ("object_name", c_char_p),
        ("relaxed_maps", c_bool),
        ("pin_root_path", c_char_p),
        ("unused", ctypes.c_uint32),
        ("kconfig", c_char_p),
        ("btf_custom_path", c_char_p),
    )


class LibbpfError(Exception):
    """A call of libbpf failed; errno tells how."""

    def __init__(self, what: str, errno: int) -> None:
        super().__init__(f"{what}: {os.strerror(errno)}")
        self.errno = errno


class _Libbpf:
    """The library, opened at the first use, with its messages kept instead of printed."""

    def __init__(self) -> None:
        try:
            self._lib = ctypes.CDLL("libbpf.so.1", use_errno=True)
        except OSError as error:
            raise CannotTrace(
                f"libbpf.so.1 cannot be loaded: {error}",
                hint="install libbpf1 (Debian, Ubuntu), libbpf (Fedora, Arch)",
            ) from None
        for name, (result, arguments) in _PROTOTYPES.items():
            function = getattr(self._lib, name)
            function.restype, function.argtypes = result, arguments
        self._libc = ctypes.CDLL(None)
        self._libc.vsnprintf.argtypes = [c_char_p, c_size_t, c_char_p, c_void_p]
        self.messages: list[str] = []
        self._print = _PRINT_CALLBACK(self._keep_message)
        self._lib.libbpf_set_print(self._print)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._lib, name)

    def _keep_message(self, level: int, text_format: bytes, arguments: int) -> int:
        if level > 0:  # LIBBPF_WARN is 0
            return 0
        text = ctypes.create_string_buffer(4096)
        self._libc.vsnprintf(text, len(text), text_format, arguments)
        self.messages.append(text.value.decode(errors="replace").strip())
        return 0


_opened: _Libbpf | None = None


def lib() -> _Libbpf:
    """The library. Raises CannotTrace where it is not installed."""
    global _opened
    if _opened is None:
        _opened = _Libbpf()
    return _opened


def check(result: int | None, what: str) -> int:
    """result, unless it says error. Raises LibbpfError."""
    if result is None or result < 0:
        raise LibbpfError(what, ctypes.get_errno())
    return result

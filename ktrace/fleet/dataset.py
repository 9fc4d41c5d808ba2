"""A dataset: Parquet files by table, day and kernel, in a directory or at a URL.

    dataset/_parts/PART.json                        what an export has put in; written last
    dataset/TABLE/day=2026-11-28/kernel=6.1.0/PART.parquet

Only what a part's file in _parts names is read: an export that was broken off leaves nothing that
counts, and goes on where it was. A session that was exported twice counts once: the newest wins.
"""

import hashlib
import json
import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset
import pyarrow.fs
import pyarrow.parquet

from ktrace.errors import UsageError
from ktrace.fleet.rows import SessionRows
from ktrace.fleet.tables import TABLES, VERSION
from ktrace.record import record

_PARTS = "_parts"
_UNSAFE = re.compile(r"[^A-Za-z0-9._+~-]")


@record
class Source:
    """A trace file that was exported. It is not read again as long as it is the same."""

    path: str
    size: int
    mtime_ns: int


class Dataset:
    """url: a directory, or a URL that pyarrow knows: s3://, gs://, hdfs://, fsspec+NAME://."""

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            if "://" in url:
                self._fs, self._root = pyarrow.fs.FileSystem.from_uri(url)
            else:
                self._fs, self._root = pyarrow.fs.LocalFileSystem(), str(Path(url).absolute())
        except (pa.ArrowInvalid, ImportError, OSError) as error:
            raise UsageError(f"cannot use {url}: {error}") from None

    def sources(self) -> set[Source]:
        """What is in it already."""
        return {Source(*source) for part in self._parts() for source in part["sources"]}

    def write(self, sessions: Iterable[SessionRows], sources: Iterable[Source]) -> None:
        """One part, whole or not at all."""
        files = [*sources]
        part = _name(files)
        parts: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
        for session in sessions:
            for table, rows in session.rows.items():
                for row in rows:
                    row["part"] = part
                parts[table, session.day, session.kernel] += rows
        written = [
            self._write_table(table, day, kernel, part, rows)
            for (table, day, kernel), rows in sorted(parts.items())
            if rows
        ]
        told = {
            "version": VERSION,
            "sources": [[one.path, one.size, one.mtime_ns] for one in files],
            "files": written,
        }
        self._put(posixpath.join(_PARTS, f"{part}.json"), json.dumps(told).encode())

    def table(self, name: str) -> pyarrow.dataset.Dataset:
        """All rows of a table, of every export; see ktrace.fleet.engine for the newest alone."""
        files = [posixpath.join(self._root, file) for file in self._files(name)]
        if not files:
            return pyarrow.dataset.dataset(TABLES[name].empty_table())
        return pyarrow.dataset.dataset(
            files, schema=TABLES[name], format="parquet", filesystem=self._fs
        )

    def urls(self, name: str) -> list[str]:
        """The files of a table as an engine that opens them itself wants to have them."""
        base = self.url if "://" in self.url else f"file://{self._root}"
        # "=" and what else is in a folder's name is meant as it stands
        return [f"{base.rstrip('/')}/{file}" for file in self._files(name)]

    def _files(self, name: str) -> list[str]:
        return [file for table, file in self._written if table == name]

    @cached_property
    def _written(self) -> list[tuple[str, str]]:
        """Table and file, of every part. A dataset may have many parts, far away: read once."""
        return [(table, file) for part in self._parts() for table, file in part["files"]]

    def _parts(self) -> list[dict[str, Any]]:
        folder = posixpath.join(self._root, _PARTS)
        selector = pyarrow.fs.FileSelector(folder, allow_not_found=True)
        found = []
        for info in sorted(self._fs.get_file_info(selector), key=lambda info: info.path):
            if info.path.endswith(".json"):
                found.append(self._part(info.path))
        return found

    def _part(self, path: str) -> dict[str, Any]:
        with self._fs.open_input_stream(path) as stream:
            text = stream.read()
        try:
            part: dict[str, Any] = json.loads(text)
            version = part["version"]
        except (ValueError, KeyError, TypeError):
            raise UsageError(f"{self.url}: {path} is damaged") from None
        if version > VERSION:
            raise UsageError(f"{self.url} is of a newer ktrace (tables version {version})")
        return part

    def _write_table(
        self, table: str, day: str, kernel: str, part: str, rows: list[dict[str, Any]]
    ) -> tuple[str, str]:
        name = posixpath.join(
            table, f"day={_safe(day)}", f"kernel={_safe(kernel)}", f"{part}.parquet"
        )
        sink = pa.BufferOutputStream()
        made = pa.Table.from_pylist(rows, schema=TABLES[table])
        pyarrow.parquet.write_table(made, sink, compression="zstd")
        self._put(name, sink.getvalue().to_pybytes())
        return table, name

    def _put(self, name: str, data: bytes) -> None:
        """Under its name only when it is whole, where the file system can rename."""
        path = posixpath.join(self._root, name)
        self._fs.create_dir(posixpath.dirname(path), recursive=True)
        local = isinstance(self._fs, pyarrow.fs.LocalFileSystem)
        target = f"{path}.new" if local else path
        with self._fs.open_output_stream(target) as stream:
            stream.write(data)
        if local:
            self._fs.move(target, path)


def _name(sources: list[Source]) -> str:
    text = "\n".join(sorted(f"{one.path} {one.size} {one.mtime_ns}" for one in sources))
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:20]


def _safe(text: str) -> str:
    """As part of a path: a kernel's release may hold anything in a trace from somewhere."""
    return _UNSAFE.sub("_", text)[:80].lstrip(".") or "_"

"""The tables of a dataset. Each row says from which session it is; see docs/fleet.md.

A column is never renamed or given another meaning: VERSION counts such changes, and a reader
refuses what is newer than itself. New columns may come, and are NULL in older files.
"""

import pyarrow as pa

VERSION = 1

_OF_SESSION = [
    ("session_id", pa.string()),  # a hash of boot, start and host: the same, wherever it is read
    ("part", pa.string()),  # of the export that wrote the row
    ("day", pa.string()),  # UTC, on which the session began: 2026-11-28
    ("kernel", pa.string()),
    ("host", pa.string()),
]

# Times are seconds; times of the day are UTC. NULL: not known, or not measured.
TABLES: dict[str, pa.Schema] = {
    name: pa.schema([*_OF_SESSION, *columns])
    for name, columns in {
        "sessions": [
            ("boot_id", pa.string()),
            ("machine", pa.string()),  # of uname -m
            ("command", pa.string()),
            ("ktrace", pa.string()),
            ("began", pa.timestamp("us", "UTC")),
            ("watched_s", pa.float64()),
            ("verdict", pa.string()),
            ("why", pa.string()),
            ("lost", pa.int64()),
            ("torn", pa.bool_()),  # the file was damaged, or the recorder cut off
            ("records", pa.int64()),
            ("oom_calls", pa.int64()),
        ],
        "kills": [
            ("t", pa.float64()),  # of SIGKILL, since the session began
            ("pid", pa.int64()),
            ("comm", pa.string()),
            ("by", pa.string()),  # oom, signal, exit
            ("sender", pa.string()),
            ("cause", pa.string()),  # of an OOM kill: docs/how/oom-kill.md
            ("after_s", pa.float64()),  # to the last thread's death; if not dead: at least
            ("dead", pa.bool_()),  # false: it had not ended when the session did, or nobody saw it
            ("stuck", pa.bool_()),  # it lived longer than stuck_after
            ("function", pa.string()),  # where it was for the longest time
            ("primitive", pa.string()),
            ("memory_freed_s", pa.float64()),
        ],
        "stuck": [
            ("id", pa.string()),
            ("t", pa.float64()),
            ("pid", pa.int64()),
            ("tid", pa.int64()),
            ("comm", pa.string()),
            ("signature", pa.string()),
            ("function", pa.string()),
            ("primitive", pa.string()),
            ("state", pa.string()),
            ("stuck_s", pa.float64()),  # if not dead: at least
            ("dead", pa.bool_()),
            ("killed_by", pa.string()),
            ("waits_for", pa.string()),  # a kind of docs/waits.md
            ("object", pa.string()),
            ("cgroup", pa.string()),
        ],
        "findings": [
            ("id", pa.string()),
            ("finding", pa.string()),
            ("signature", pa.string()),
            ("first_t", pa.float64()),
            ("status", pa.string()),
            ("json", pa.string()),  # its last state, as ktrace --json has it
        ],
        "bad_pages": [
            ("t", pa.float64()),
            ("pfn", pa.int64()),
            ("page", pa.string()),  # physical address of its struct page, hexadecimal
            ("what", pa.string()),  # flags, mapping, refcount, ...
            ("bits", pa.string()),  # that are wrong, hexadecimal
            ("reason", pa.string()),
            ("signature", pa.string()),
        ],
    }.items()
}

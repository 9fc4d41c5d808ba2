"""Panics that are not the end of another report: kernel/panic.c."""

from ktrace.sources.log.alarms.alarm import alarm

KINDS = (
    alarm(
        "panic",
        (b"Kernel panic - not syncing",),
        r"Kernel panic - not syncing: (?P<why>.*?)\s*$",
        "kernel panic: {why}",
        after=(
            "oops",
            "oom",
            "panic",
            "soft-lockup",
            "hard-lockup",
            "rcu-stall",
            "kasan",
            "list-corruption",
            "warning",
            "hung",
            "bug",
            "kfence",
            "ubsan",
        ),
    ),
)

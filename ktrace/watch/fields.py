"""What of a finding can be selected by, in a journal or a store of logs."""

from typing import Any

# Members of findings
_MEMBERS = (
    "id status pid tid comm state policy cgroup unit container container_name runtime pod pod_name "
    "namespace domain signature"
).split()


def fields_of(record: dict[str, Any]) -> dict[str, Any]:
    """record: a finding as JSON. kind, id, status, pid, ..., function; those that it has."""
    found = {"kind": record["finding"]}
    found |= {name: record[name] for name in _MEMBERS if record.get(name) is not None}
    wait = record.get("wait")
    if isinstance(wait, dict):
        found["function"] = wait.get("function", "")
    return found

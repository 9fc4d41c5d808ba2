"""A report of a fleet: the answers to all queries, and two kernels compared."""

from ktrace.comparison import statistics
from ktrace.errors import UsageError
from ktrace.fleet.engine import Engine, Table
from ktrace.fleet.queries import QUERIES, SHARES
from ktrace.record import record

_EXACT = 40  # machines of both sides together: more are too many ways to deal them out


@record
class KernelsCompared:
    """Shares of the victims that were stuck, by machine. p None: too few or too many machines."""

    before: str
    after: str
    before_machines: int
    after_machines: int
    before_share: float | None
    after_share: float | None
    p_fewer: float | None
    why: str


@record
class FleetReport:
    """tables: by the name of the query."""

    tables: dict[str, Table]
    compared: KernelsCompared | None


def fleet_report(engine: Engine, kernels: tuple[str, str] | None = None) -> FleetReport:
    """kernels: to compare the first with the second."""
    tables = {name: engine.ask(sql) for name, sql in QUERIES.items()}
    return FleetReport(tables, _compare(engine, *kernels) if kernels else None)


def _compare(engine: Engine, before: str, after: str) -> KernelsCompared:
    old, new = (_shares(engine, kernel) for kernel in (before, after))
    p, why = None, ""
    if not old or not new:
        why = f"no kill on {before if not old else after}"
    elif len(old) + len(new) > _EXACT:
        why = f"more than {_EXACT} machines: the exact test is for few"
    else:
        p, why = statistics.p_lower(old, new), statistics.NAME.replace("runs", "machines")
    return KernelsCompared(before, after, len(old), len(new), _mean(old), _mean(new), p, why)


def _shares(engine: Engine, kernel: str) -> list[float]:
    if "'" in kernel:
        raise UsageError(f"{kernel} is no kernel's release")
    return [float(row["share"]) for row in engine.ask(SHARES.format(kernel=kernel))]


def _mean(shares: list[float]) -> float | None:
    return sum(shares) / len(shares) if shares else None

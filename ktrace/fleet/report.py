"""A report of a fleet: the answers to all queries, and two kernels compared."""

from ktrace.comparison import statistics
from ktrace.errors import UsageError
from ktrace.fleet.engine import Engine, Table
from ktrace.fleet.queries import QUERIES, SHARES
from ktrace.record import record

_EXACT = 40  # machines of both sides together: more are too many ways to deal them out
_FEW = 10  # of one side: the approximation for many does not hold


@record
class KernelsCompared:
    """Shares of the victims that were stuck, by machine. p None: no test, and why."""

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
    p, why = _test(old, new) if old and new else (None, f"no kill on {after if old else before}")
    return KernelsCompared(before, after, len(old), len(new), _mean(old), _mean(new), p, why)


def _test(old: list[float], new: list[float]) -> tuple[float | None, str]:
    """How likely the new shares are as low by luck alone, and by which test."""
    if len(old) + len(new) <= _EXACT:
        return statistics.p_lower(old, new), statistics.NAME.replace("runs", "machines")
    if min(len(old), len(new)) < _FEW:
        return None, f"fewer than {_FEW} machines against more than {_EXACT - _FEW}"
    name = statistics.NAME_OF_MANY.replace("runs", "machines")
    return statistics.p_lower_of_many(old, new), name


def _shares(engine: Engine, kernel: str) -> list[float]:
    if "'" in kernel:
        raise UsageError(f"{kernel} is no kernel's release")
    return [float(row["share"]) for row in engine.ask(SHARES.format(kernel=kernel))]


def _mean(shares: list[float]) -> float | None:
    return sum(shares) / len(shares) if shares else None

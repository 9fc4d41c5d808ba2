"""The argument SCENARIO."""

import click


def _scenarios(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """For the shell's completion."""
    from ktrace.lab.scenarios import SCENARIOS

    return [name for name in sorted(SCENARIOS) if name.startswith(incomplete)]


scenario_argument = click.argument("scenario", shell_complete=_scenarios)

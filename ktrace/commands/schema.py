"""ktrace schema: what a program that reads ktrace's JSON can rely on."""

import json

import click

from ktrace.errors import ExitCode
from ktrace.views.output import say


@click.command("schema")
@click.option(
    "--of",
    "what",
    type=click.Choice(["json", "trace"]),
    default="json",
    show_default=True,
    help="Of a line of --json, or of a trace file.",
)
def print_schema(what: str) -> ExitCode:
    """Print the JSON Schema of what ktrace writes.

    Newer versions of ktrace add members, which a reader ignores that does not know them. Anything
    else makes a new version of the format, described in the schema.
    """
    from ktrace.schema import schema

    for line in json.dumps(schema(what == "trace"), indent=2).split("\n"):
        say(line)
    return ExitCode.CLEAN

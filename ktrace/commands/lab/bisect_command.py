"""A command whose errors have the exit code that git takes for "cannot be tested"."""

from typing import Any

import click


class BisectCommand(click.Command):
    """With --bisect, an error has the exit code that git takes for "cannot be tested"."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> click.Context:
        bisecting = "--bisect" in args
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.ClickException as error:
            if not bisecting:
                raise
            error.show()
            raise click.exceptions.Exit(_cannot_be_tested()) from None

    def invoke(self, ctx: click.Context) -> Any:
        if not ctx.params.get("bisect"):
            return super().invoke(ctx)
        try:
            return super().invoke(ctx)
        except click.exceptions.Exit:
            raise
        except Exception as error:
            from ktrace.commands.lab.tell import tell_error

            tell_error(error)
            raise click.exceptions.Exit(_cannot_be_tested()) from None


def _cannot_be_tested() -> int:
    from ktrace.lab.bisect import BisectCode

    return BisectCode.SKIP

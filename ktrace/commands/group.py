"""A group of commands whose help has each command's first sentence in full."""

import click

_WHOLE = 200  # characters, more than any has; click itself cuts them at the end of the line


class Group(click.Group):
    """click's, but for that."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, command.get_short_help_str(_WHOLE)) for name, command in commands if command]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

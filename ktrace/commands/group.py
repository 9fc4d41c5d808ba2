"""A group of commands whose help has each command's first sentence in full, and sections."""

import click

_WHOLE = 200  # characters, more than any has; click itself cuts them at the end of the line


class Group(click.Group):
    """click's, but for that; and each command's help ends with examples and exit codes."""

    sections: tuple[tuple[str, tuple[str, ...]], ...] = ()  # head, names; () one for all

    def find(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, or None."""
        return super().get_command(ctx, cmd_name)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = self.find(ctx, cmd_name)
        if command is not None:
            parents = ctx.command_path.split(" ")[1:]
            _end_with_manual(command, " ".join([*parents, cmd_name]))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for head, names in self.sections or (("Commands", tuple(self.list_commands(ctx))),):
            commands = [(name, self.get_command(ctx, name)) for name in names]
            rows = [(name, cmd.get_short_help_str(_WHOLE)) for name, cmd in commands if cmd]
            with formatter.section(head):
                formatter.write_dl(rows)


def _end_with_manual(command: click.Command, name: str) -> None:
    """Its help; the manual is imported by nobody but who reads it."""

    def format_epilog(ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from ktrace.commands.manual import epilog

        command.epilog = epilog(name)
        type(command).format_epilog(command, ctx, formatter)

    command.format_epilog = format_epilog  # type: ignore[method-assign]

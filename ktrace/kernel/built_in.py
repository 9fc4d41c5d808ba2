"""Functions of the kernel's image, as opposed to those of modules."""

from functools import cache

from ktrace.kernel.name_table import whole_lines
from ktrace.kernel.symbols import KALLSYMS


@cache
def is_built_in(function: str, kallsyms: str = KALLSYMS) -> bool:
    """Names are shown also where addresses are hidden; behind those of modules is "[name]"."""
    end = b" " + function.encode()
    try:
        with open(kallsyms, "rb", buffering=0) as file:
            return any(line.endswith(end) for lines in whole_lines(file) for line in lines)
    except OSError:
        return False

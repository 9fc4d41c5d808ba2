"""What is built into an agent: the BPF objects, the kernel's types where they are given, and the
tables that bpf/agent/ must not have a second time."""

import json
from collections.abc import Mapping

from ktrace import __version__
from ktrace.probes.catalog import PURPOSES
from ktrace.probes.wire import OBJECTS, wire

_FILE = """\
__asm__(".pushsection .rodata\\n.balign 8\\n{label}:\\n{content}\\n"
	"{label}_end:\\n.byte 0\\n.popsection");
extern const unsigned char {label}[], {label}_end[];"""
# in their order: a kernel without BTF of its own gets the second in place of the first
EMBEDDED = (OBJECTS[0], f"{OBJECTS[0]}_raw", *OBJECTS[1:])


def source(objects: Mapping[str, str], btf: str | None) -> str:
    """The text of embedded.c. objects: paths by name, of all in EMBEDDED; btf: the path of the
    kernel's types."""
    lines = ['#include "agent.h"']
    lines += [_file(f"object_{name}", objects[name]) for name in EMBEDDED]
    lines.append(_file("types", btf))
    table = [f'\t{{ "{name}", object_{name}, object_{name}_end }},' for name in EMBEDDED]
    lines += ["const struct embedded embedded_objects[] = {", *table, "\t{ 0 },", "};"]
    lines.append('const struct embedded embedded_btf = { "btf", types, types_end };')
    modules = [
        f'\t{{ "{function}", "{purpose.module}" }},'
        for function, purpose in PURPOSES.items()
        if purpose.module
    ]
    lines += ["const struct hooked_module hooked_modules[] = {", *modules, "\t{ 0 },", "};"]
    lines.append(f'const char wire_id[] = "{wire().digest()}";')
    lines.append(f'const char agent_version[] = "{__version__}";')
    return "\n".join(lines) + "\n"


def _file(label: str, path: str | None) -> str:
    # the path is a string of C inside of one of the assembler's
    content = "" if path is None else json.dumps(f".incbin {json.dumps(path)}")[1:-1]
    return _FILE.format(label=label, content=content)

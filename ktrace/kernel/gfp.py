"""Names of allocation flags (gfp_t), as the running kernel prints them in its own tracepoints."""

import ast
import operator
import re

from ktrace.record import record

_OPERATORS = {ast.BitOr: operator.or_, ast.LShift: operator.lshift, ast.BitAnd: operator.and_}


@record
class GfpFlags:
    """Masks and names in the order in which the kernel tries them (__print_flags)."""

    masks: tuple[tuple[int, str], ...]

    @classmethod
    def from_format(cls, mm_page_alloc: str | None) -> "GfpFlags":
        """From the format text of kmem:mm_page_alloc; no names where it is missing.

        Each entry is {mask, "NAME"}, the mask a constant expression of C with casts: the bits
        moved with every release (include/linux/gfp_types.h), the text follows them.
        """
        _, _, table = (mm_page_alloc or "").partition("__print_flags(")
        entries = re.findall(r'\{(.*?), *"(\w+)"\}', table)
        masks = [(_evaluate(expression), name) for expression, name in entries]
        return cls(tuple((mask, name) for mask, name in masks if mask))

    def mask(self, name: str) -> int:
        """0: there is no flag of that name."""
        return next((mask for mask, known in self.masks if known == name), 0)

    def names(self, mask: int) -> str:
        """ "GFP_HIGHUSER_MOVABLE|__GFP_COMP"; bits without a name in hexadecimal."""
        found = []
        for bits, name in self.masks:
            if mask & bits == bits:
                found.append(name)
                mask &= ~bits
        if mask or not found:
            found.append(hex(mask))
        return "|".join(found)


def _evaluate(expression: str) -> int:
    """A constant expression of C: integers, |, <<, &, ~ and casts. 0 where it is more than that."""
    text = re.sub(r"\( *(?:unsigned long|gfp_t|__force|int|unsigned int) *\)", "", expression)
    text = re.sub(r"\b(0x[0-9a-fA-F]+|\d+)[uUlL]+\b", r"\1", text)
    try:
        return _fold(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError):
        return 0


def _fold(node: ast.expr) -> int:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return int(_OPERATORS[type(node.op)](_fold(node.left), _fold(node.right)))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert):
        return ~_fold(node.operand)
    raise ValueError("not a constant expression")

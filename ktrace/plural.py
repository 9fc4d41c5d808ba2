"""How many of a thing, in words: the only home of plurals."""

_ES = ("s", "x", "z", "ch", "sh")


def count(number: int, thing: str) -> str:
    """ "1 OOM kill", "2 OOM kills", "0 processes", "3 entries": the last word is the noun."""
    return f"{number} {thing if number == 1 else plural(thing)}"


def plural(thing: str) -> str:
    """ "kills", "processes", "entries"."""
    if thing.endswith(_ES):
        return f"{thing}es"
    if thing.endswith("y") and thing[-2:-1] not in "aeiou":
        return f"{thing[:-1]}ies"
    return f"{thing}s"

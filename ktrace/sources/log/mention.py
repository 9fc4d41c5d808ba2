"""First lines of reports that are quoted: the kernel has not printed them there.

What no log has before the kernel's words: a mail's headers, a tracker's fields, a patch, code, a
word and a quotation mark.
"""

import re

_WORDS = (
    r"(?i)(?:^|[\s>])(?:subject|summary|title|fix(?:es)?|thread|short_desc|description)\s*:"
    r"{0}|[a-z]{{2,}},?\s[\"'`\u201c\u2018]$|^\+\s|\bprintk|\bpr_[a-z]+\(|\bgrep\b"
)
_MAY_BE = re.compile(_WORDS.format(""))
_MENTIONED = re.compile(_WORDS.format(r"[^\[]*(?:\[[^\]\d][^\]]*\][^\[]*)*$"))
_NO_WORDS = re.compile(r"[\[\]\d\s.:]*$")


def is_mention(before: str) -> bool:
    """Does what stands before a head tell that it is quoted?"""
    return not _NO_WORDS.match(before) and _MENTIONED.search(before) is not None


def may_be_mention(before: str) -> bool:
    """With other numbers in it."""
    return _MAY_BE.search(before) is not None

"""Text for a spreadsheet, which would run it where it looks like a formula."""

import re
from typing import Any

PLAIN_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
"""What looks like a formula to the rule below, and can be nothing but a number."""

SIGNS = "=+@＝＋－＠﹦﹢﹣﹫−-"
"""What begins a formula: the characters of OWASP's page on CSV injection, and their wide forms."""

SPACES = r"[ \0\xa0\u2000-\u200b\u3000\ufeff]*"
SEPARATORS = r"""[\t\n\v\f\r\x85\u2028\u2029,;|"']"""
"""What may end a cell in another spreadsheet than one that splits at commas."""

FORMULA = re.compile(rf"^(?=[\t\r\n])|(^|{SEPARATORS})(?={SPACES}[{SIGNS}])")


def guarded(value: Any) -> Any:
    """Return a cell that no spreadsheet runs: an apostrophe before whatever begins a formula.

    Numbers stay as they are, also as text.
    """
    if not isinstance(value, str) or PLAIN_NUMBER.fullmatch(value):
        return value
    return FORMULA.sub(lambda start: f"{start[0]}'", value)

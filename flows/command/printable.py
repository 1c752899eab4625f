"""Texts of others on a terminal: nothing in them is a command to it."""

import re

COMMANDS = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but the tab and the line feed, what turns the order of signs round, and
halves of surrogate pairs, which no terminal can be sent."""


def printable(text: str) -> str:
    """Return the text with each command to a terminal written as Python writes it: `\\x1b`."""
    return COMMANDS.sub(lambda found: ascii(found[0])[1:-1], text)

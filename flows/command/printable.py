"""Making text from others safe to print: nothing in it acts on the terminal."""

import re

CONTROLS = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters except the tab and the line feed, characters that reverse the direction of
text, and surrogates, which cannot be sent to a terminal."""


def printable(text: str) -> str:
    """Return the text with each control character written as an escape, such as `\\x1b`."""
    return CONTROLS.sub(lambda match: ascii(match[0])[1:-1], text)


def printable_json(text: str) -> str:
    """Return JSON with each control character written as JSON writes it, such as `\\u009b`."""
    return CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)

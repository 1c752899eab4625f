"""What `docs/database.md` shows: its sections, and the code in them."""

import re

from data.settings import ROOT

DOCUMENT = ROOT / "docs" / "database.md"


def section(heading: str) -> str:
    """Return the text under a heading of the second level."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def code(text: str, language: str) -> list[str]:
    """Return the blocks of a language in a text."""
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)

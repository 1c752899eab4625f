"""What `docs/database.md` shows: its sections, and the code in them."""

import re

from data.settings import ROOT

DOCUMENT = ROOT / "docs" / "database.md"


def section(heading: str) -> str:
    """Return the text under a heading of the second level."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def code(text: str, language: str, *, kind: str = "") -> list[str]:
    """Return the blocks of a language in a text; those of one kind of database, or of any."""
    named = rf"(?:^(SQLite|PostgreSQL):\n\n)?```{language}\n(.*?)```"
    blocks = re.findall(named, text, re.DOTALL | re.MULTILINE)
    return [block for name, block in blocks if name.lower() in ("", kind)]

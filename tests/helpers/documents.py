"""The sections of `docs/database.md`, and the code in them."""

import re

from data.settings import ROOT

DOCUMENT = ROOT / "docs" / "database.md"


def section(heading: str) -> str:
    """Return the text below a second-level heading."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def code(text: str, language: str, *, kind: str = "") -> list[str]:
    """Return the code blocks of a language in a text, for one kind of database or for any."""
    named = rf"(?:^(SQLite|PostgreSQL):\n\n)?```{language}\n(.*?)```"
    blocks = re.findall(named, text, re.DOTALL | re.MULTILINE)
    return [block for name, block in blocks if name.lower() in ("", kind)]

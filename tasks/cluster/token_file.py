"""A file that the driver has written, by which a worker sees whether it shares a folder."""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4


@dataclass(frozen=True)
class Token:
    """The path of the file, and the text that it has."""

    path: str
    text: str

    @classmethod
    def written(cls, folder: Path | None = None) -> "Token":
        """Write a file in a folder, or in that of temporary files, which is removed at the end."""
        place = Path(tempfile.gettempdir()) if folder is None else folder
        token = cls(str(place / f".token-{uuid4().hex}"), uuid4().hex)
        Path(token.path).write_text(token.text)
        return token

    def is_here(self) -> bool:
        """Return whether this machine sees the file."""
        try:
            return Path(self.path).read_text() == self.text
        except OSError:
            return False

    def remove(self) -> None:
        """Remove the file."""
        Path(self.path).unlink(missing_ok=True)

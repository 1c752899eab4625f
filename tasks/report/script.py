"""Vega's script, which makes the charts of a page interactive: made once per version, then kept."""

import gzip
import logging
import zlib
from base64 import b64encode
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from data.sources.whole_file import write_whole
from tasks.report import vega

LOG = logging.getLogger("nightfit")

SNIPPET = "window.vegaEmbed = vegaEmbed;"
"""All that a page needs of the libraries in the script: Vega-Embed, with Vega and Vega-Lite."""


@dataclass(frozen=True)
class VegaScript:
    """The script as a page carries it: packed, and the hash by which the page lets it run."""

    packed: str
    """gzip, in Base64: 0.4 MB, and not 0.9."""
    hash: str
    """Of the unpacked text, as a Content-Security-Policy writes it."""


@cache
def vega_script(folder: Path) -> VegaScript:
    """Return the script, from the folder of the reports or made anew: that takes 1.5 seconds.

    A file that is damaged is made anew, and one that cannot be written is made again next time.
    Raises CannotDraw where there is no script and none can be made.
    """
    file = folder / f"vega-{version('vl-convert-python')}.js.gz"
    with suppress(OSError, EOFError, zlib.error):
        packed = file.read_bytes()
        return _script(packed, gzip.decompress(packed))  # which checks the sum at its end
    text = vega.script(SNIPPET).encode()
    packed = gzip.compress(text, compresslevel=9, mtime=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(file, lambda handle: handle.write(packed))
    except OSError as error:
        LOG.warning("%s cannot be written (%s): each report makes it anew.", file, error.strerror)
    return _script(packed, text)


def content_hash(text: str | bytes) -> str:
    """Return the hash of a script or a style, as a Content-Security-Policy writes it."""
    content = text.encode() if isinstance(text, str) else text
    return f"'sha256-{b64encode(sha256(content).digest()).decode()}'"


def _script(packed: bytes, text: bytes) -> VegaScript:
    return VegaScript(b64encode(packed).decode(), content_hash(text))

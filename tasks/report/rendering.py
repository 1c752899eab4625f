"""How a page is made: its templates, style and script, and the policy that lets nothing else in.

A page is one file that asks for no other. Its Content-Security-Policy allows no network, no
evaluation, and of scripts and styles only its own, by their hashes.
"""

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from tasks.report.chart import DARK, LIGHT, Chart, Palette, themed
from tasks.report.labels import INVISIBLE, label, number
from tasks.report.script import VegaScript, content_hash
from tasks.report.vega import CannotDraw, compact, images

ON_PAGE = Palette(
    paper="transparent",
    text="var(--text)",
    grid="var(--grid)",
    rows="var(--rows)",
    reference="var(--reference)",
    series=tuple(f"var(--series-{place})" for place in range(1, len(LIGHT.series) + 1)),
)
"""The palette of a page: one drawing is light, dark and on paper by the page's own style."""

OWN_NAME = re.compile(r'(\bid="|url\(#|href="#)')
"""Where a drawing names a part of itself."""

NUMBER = re.compile(r"[-+–−]?[\d,]*\.?\d+(e[-+]?\d+)?%?|–")


def page(template: str, *, script: VegaScript | None = None, **values: Any) -> str:
    """Return a page; `script` makes its charts interactive."""
    style, code = _style(), _text("report.js")
    allowed = {
        "default-src": "'none'",
        "script-src": f"{content_hash(code)} {script.hash}" if script else "'none'",
        "style-src": content_hash(style),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return (
        _environment()
        .get_template(template)
        .render(
            policy="; ".join(f"{name} {sources}" for name, sources in allowed.items()),
            style=Markup(style),  # noqa: S704 - our own, as are the code and the script
            code=Markup(code),  # noqa: S704
            script=script,
            **values,
        )
    )


def drawings(charts: Sequence[Chart], widths: Sequence[int]) -> list[Markup | None]:
    """Return charts as SVG that can stand in a page side by side, in the page's colours.

    None is one that Vega cannot draw. Raises CannotDraw where it can draw none.
    """
    themes = [
        themed(chart.spec, ON_PAGE, width=width)
        for chart, width in zip(charts, widths, strict=True)
    ]
    return [
        None if isinstance(image, CannotDraw) else _in_page(image, chart.name)
        for chart, image in zip(charts, images(themes), strict=True)
    ]


def _in_page(image: str, name: str) -> Markup:
    """Return a drawing as part of a page, with names that no other drawing has."""
    return Markup(OWN_NAME.sub(rf"\g<1>{name}-", compact(image)))  # noqa: S704 - Vega escapes texts


def specification(chart: Chart) -> dict[str, Any]:
    """Return a chart's specification, to which the page's script adds the width."""
    return themed(chart.spec, ON_PAGE, width="container")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tasks.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    environment.filters |= {
        "short": label,
        "figure": number,
        "lines": _lines,
        "breakable": _breakable,
    }
    environment.tests["numeric"] = _is_numeric
    return environment


def _is_numeric(value: object) -> bool:
    """Return whether a cell is a number, or one as a table writes it."""
    if isinstance(value, str):
        return NUMBER.fullmatch(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


def _lines(text: str) -> str:
    """Return a text of several lines with nothing in it that acts on what is shown."""
    return "\n".join(INVISIBLE.sub(" ", line) for line in text.split("\n"))


def _breakable(text: str) -> Markup:
    """Return a name so that a line may end after a slash or an underscore of it."""
    return Markup("<wbr>").join(escape(part) for part in re.split(r"(?<=[/_])", text))


@cache
def _style() -> str:
    dark = f"@media screen and (prefers-color-scheme: dark) {{\n{_colours(DARK)}}}\n"
    return _colours(LIGHT) + dark + _text("page.css")


def _colours(palette: Palette) -> str:
    series = {f"series-{place}": colour for place, colour in enumerate(palette.series, 1)}
    named = {
        "paper": palette.paper,
        "text": palette.text,
        "grid": palette.grid,
        "rows": palette.rows,
        "reference": palette.reference,
        **series,
    }
    return f":root {{ {' '.join(f'--{name}: {colour};' for name, colour in named.items())} }}\n"


def _text(name: str) -> str:
    return files("tasks.report").joinpath("templates", name).read_text(encoding="utf-8")

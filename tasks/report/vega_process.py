"""A process of its own that draws with Vega: it ends with its work, and no fault of it harms a run.

V8, the engine of Vega's language, ends its whole process where it cannot have the memory that it
asks for: under any `ulimit -v`, for example. This file is run by its path, apart from the project,
and imports nothing of it. For each line {"charts": [...], "script": text or null} of its standard
input it writes a line {"images": [...], "errors": [...], "script": text or null}. It ends with its
input, so it outlives nobody.
"""

import json
import sys
from typing import Any

import vl_convert

VEGA_LITE = "6."
"""The version of Vega-Lite that the specifications are written for."""

TRIAL = {
    "data": {"values": [{"x": 0}]},
    "mark": "point",
    "encoding": {"x": {"field": "x", "type": "quantitative"}},
}
"""A chart whose drawing loads all that others need: half a second, which nobody waits for yet."""


def main() -> None:
    """Draw what is asked for on standard input, as soon as Vega is ready."""
    _made({"charts": [TRIAL], "script": None})
    for line in sys.stdin:
        print(json.dumps(_made(json.loads(line))), flush=True)  # noqa: T201


def _made(wanted: dict[str, Any]) -> dict[str, Any]:
    versions = vl_convert.get_vegalite_versions()
    newest = [version for version in versions if version.startswith(VEGA_LITE)][-1]
    images: list[str | None] = []
    errors: list[str | None] = []
    for chart in wanted["charts"]:
        try:
            image = vl_convert.vegalite_to_svg(chart, vl_version=newest, allowed_base_urls=[])
            images.append(image)
            errors.append(None)
        except ValueError as error:  # one that cannot be drawn, among others that can
            images.append(None)
            errors.append(" ".join(str(error).splitlines()[:2])[:300])
    script = wanted["script"] and vl_convert.javascript_bundle(wanted["script"], newest)
    return {"images": images, "errors": errors, "script": script}


if __name__ == "__main__":
    main()

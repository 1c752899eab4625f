"""What serves the rows of a dataset, as plain values: a champion, and other models in segments."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from data.store.read.champions import ServingModel
from regressors.description import Described, described, weights_of
from regressors.model import Model
from regressors.segments.texts import segment_parts, segment_text
from tasks.run.routed_model import RoutedModel

Segments = Sequence[tuple[ServingModel, Sequence[str]]]
"""Models that serve segments in place of the champion, each with the names of these."""


def routed_description(routed: RoutedModel, segments: Segments) -> Described:
    """Return a champion as `described` does, and what serves single segments as its `routes`.

    A model with an equation for each segment has those alone of segments that it serves.
    """
    if not segments:
        return described(routed.model)
    columns = len(routed.segment)
    elsewhere = {name for route in routed.routes for name in route.names}
    return {
        **_serving(routed.model, lambda name: name not in elsewhere),
        "segment": list(routed.segment),
        "routes": [
            {
                "model": serving.name,
                "run_id": serving.run_id,
                "model_id": serving.model_id,
                "segments": [segment_parts(name, columns) for name in route.names],
                "description": _serving(route.model, set(route.names).__contains__),
            }
            for (serving, _), route in zip(segments, routed.routes, strict=True)
        ],
    }


def models_in(description: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the description of the champion, and of each model that serves segments."""
    yield description
    for route in description.get("routes", ()):
        yield route["description"]


def together(description: Mapping[str, Any]) -> Described:
    """Return the columns, the parts and the members of all models in one."""
    models = list(models_in(description))
    parts = {part["name"]: part for model in models for part in model["parts"]}
    return {
        **{key: description[key] for key in ("segment", "routes") if key in description},
        "columns": [
            {"name": name, "type": of_type} for name, of_type in types_in(description).items()
        ],
        "parts": list(parts.values()),
        "members": [member for model in models for member in model["members"]],
    }


def weights_in(description: Mapping[str, Any]) -> int:
    """Return how many weights the layers of all networks have; 0 where all are equations."""
    return sum(map(weights_of, models_in(description)))


def types_in(description: Mapping[str, Any]) -> dict[str, str]:
    """Return the type of each column that any of the models uses."""
    types = {c["name"]: c["type"] for model in models_in(description) for c in model["columns"]}
    return dict.fromkeys(description.get("segment", ()), "category") | types


def segments_in(description: Mapping[str, Any]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Return the columns of segments, and the texts there of all that a model treats apart."""
    columns: Sequence[str] = description.get("segment", ())
    found = [segment for route in description.get("routes", ()) for segment in route["segments"]]
    for model in models_in(description):
        for member in model["members"]:
            lines = member.get("segments")
            if lines is not None:
                columns = lines["columns"]
                found += [line["segment"] for line in lines["estimates"]]
    return columns, found


def _serving(model: Model, serves: Callable[[str], bool]) -> Described:
    description = described(model)
    for member in description["members"]:
        lines = member.get("segments")
        if lines is not None:
            lines["estimates"] = [
                line for line in lines["estimates"] if serves(segment_text(line["segment"]))
            ]
    return description

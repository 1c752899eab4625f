"""The champion, and the models that serve single segments in its place, as one that predicts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.store.read.champions import ServingModel
from regressors.arrays import Array, Columns, Indices, Values
from regressors.blocks import rows_of
from regressors.model import Model
from regressors.predicted import Predicted
from regressors.segments.texts import codes_in, segments_of
from tasks.run.loading import declared, loaded


@dataclass(frozen=True)
class Route:
    """A model that serves the segments in `names` (s,), sorted, in place of the champion."""

    model: Model
    model_id: int
    names: Values


@dataclass(frozen=True)
class RoutedModel:
    """A champion, and the `routes` of segments, which are by the values of the columns `segment`.

    Without routes it is the champion alone.
    """

    model: Model
    model_id: int
    segment: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()

    @classmethod
    def of(
        cls, champion: ServingModel, segments: Sequence[tuple[ServingModel, Sequence[str]]]
    ) -> "RoutedModel":
        """Return a stored champion, with models that serve segments and the names of these.

        Raises DamagedModel if one of them is not what was stored.
        """
        model = loaded(champion, "artifact")
        if not segments:
            return cls(model, champion.model_id)
        routes = tuple(
            Route(loaded(own, "artifact"), own.model_id, _sorted(names)) for own, names in segments
        )
        return cls(model, champion.model_id, declared(segments[0][0]).segment or (), routes)

    @property
    def features(self) -> tuple[str, ...]:
        """Return the columns that a row needs, whichever model serves it."""
        models = (self.model, *(route.model for route in self.routes))
        own = [name for model in models for name in model.features]
        return tuple(dict.fromkeys([*own, *self.segment]))

    def predicted(self, columns: Columns, weight: Array | None) -> tuple[Predicted, Indices]:
        """Predict n rows, each by what serves its segment; return the id (n,) of that, too."""
        made = self.model.predicted(columns, weight)
        model_ids = np.full(len(made.value), self.model_id, dtype=np.int64)
        if not self.routes:
            return made, model_ids
        segments = segments_of(columns, self.segment)
        for route in self.routes:
            own = np.flatnonzero(codes_in(segments, route.names) >= 0)
            if own.size:
                own_weight = None if weight is None else weight[own]
                made = made.replaced(own, route.model.predicted(rows_of(columns, own), own_weight))
                model_ids[own] = route.model_id
        return made, model_ids


def _sorted(names: Sequence[str]) -> Values:
    values: Values = np.array([*sorted(names), None], dtype=object)[:-1]
    return values

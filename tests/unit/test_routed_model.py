import numpy as np

from regressors.predicted import Predicted
from tasks.run.routed_model import Route, RoutedModel


class Constant:
    """A model that predicts one number, with intervals of so many levels."""

    def __init__(self, value: float, features: tuple[str, ...], levels: int = 1) -> None:
        self.value, self.features, self.levels = value, features, levels

    def predicted(self, columns, weight):
        n = len(columns["shop"])
        value = np.full(n, self.value)
        further = ((value - 1, value + 1),) * (self.levels - 1)
        return Predicted(
            value, value - 2, value + 2, np.array([0]), names(f"first of {n}"), further
        )


def names(*texts: str) -> np.ndarray:
    return np.array(texts, dtype=object)


def test_each_row_is_predicted_by_what_serves_its_segment():
    routes = (
        Route(Constant(2.0, ("z",)), 20, names("b", "d")),
        Route(Constant(3.0, ("x",)), 30, names("c")),
        Route(Constant(4.0, ("x",)), 40, names("nowhere")),
    )
    routed = RoutedModel(Constant(1.0, ("x",), levels=2), 10, ("shop",), routes)
    assert routed.features == ("x", "z", "shop")
    shop = np.array(["a", "b", "c", None, "b", "new"], dtype=object)
    made, model_ids = routed.predicted({"shop": shop}, None)
    assert model_ids.tolist() == [10, 20, 30, 10, 20, 10]
    assert made.value.tolist() == [1, 2, 3, 1, 2, 1]
    assert made.lower.tolist() == [-1, 0, 1, -1, 0, -1]
    assert np.isnan(made.further[0][0]).tolist() == [False, True, True, False, True, False]
    assert made.note.tolist() == ["first of 6", "first of 2", "first of 1", None, None, None]
    assert made.noted.tolist() == [0, 1, 2]


def test_champion_alone_needs_no_segment():
    routed = RoutedModel(Constant(1.0, ("shop",)), 10)
    made, model_ids = routed.predicted({"shop": np.array([1.0, 2.0])}, None)
    assert (made.value.tolist(), model_ids.tolist()) == ([1, 1], [10, 10])

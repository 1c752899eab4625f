from helpers.segment_nights import OWN, shop_night, write_shops

from data.store.read.segment_models import models_of_segments
from data.store.session import Store


def test_models_that_serve_segments_are_those_of_the_latest_good_run_with_their_names(tmp_path):
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    for number, routes in enumerate(
        ({"a": OWN, "b": OWN, "c": None}, {"a": None, "b": OWN, "c": OWN}), start=1
    ):
        run_id = write_shops(store, shop_night(number, routes))
    with store.reading() as connection:
        ((model, names),) = models_of_segments(connection, "shops")
        assert models_of_segments(connection, "another") == []
    assert (model.run_id, model.name, names) == (run_id, OWN, ["b", "c"])

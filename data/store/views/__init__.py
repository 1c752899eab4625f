"""The views: what people query, so their columns never change silently.

Each is one SQL statement that both SQLite and PostgreSQL understand. Changing one needs a
migration; after changing its words, run `make docs`.
"""

from data.store.views.champions import CHAMPION, CHAMPION_RESILIENCE, MODEL_CARD
from data.store.views.history import CHAMPION_HISTORY, PREDICTION_OUTCOME, RUN_HISTORY
from data.store.views.latest_run import (
    AGREEMENT,
    CURRENT_COEFFICIENT,
    CURRENT_COLUMN,
    CURRENT_FIT,
    LEADERBOARD,
    NAIVE_SCORE,
)
from data.store.views.predictions import CURRENT_PREDICTION
from data.store.views.segments import SEGMENT_CHAMPION, SEGMENT_COEFFICIENT, SEGMENT_HISTORY
from data.store.views.view import BOOLEAN, INTEGER, NUMBER, TEXT, TIME, View

__all__ = [
    "BOOLEAN",
    "CHAMPION",
    "CHAMPION_HISTORY",
    "CURRENT_PREDICTION",
    "INTEGER",
    "NUMBER",
    "RUN_HISTORY",
    "SEGMENT_CHAMPION",
    "TEXT",
    "TIME",
    "VIEWS",
    "View",
]

VIEWS = {
    view.name: view
    for view in (
        CHAMPION,
        MODEL_CARD,
        LEADERBOARD,
        NAIVE_SCORE,
        CURRENT_PREDICTION,
        CURRENT_COEFFICIENT,
        CURRENT_FIT,
        CURRENT_COLUMN,
        CHAMPION_RESILIENCE,
        AGREEMENT,
        PREDICTION_OUTCOME,
        RUN_HISTORY,
        CHAMPION_HISTORY,
        SEGMENT_CHAMPION,
        SEGMENT_COEFFICIENT,
        SEGMENT_HISTORY,
    )
}
"""Every view by its name."""

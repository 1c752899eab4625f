"""The page over all datasets: how each stands, and its latest runs with their reports."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, func, select

from data.store.database.address import display_url
from data.store.read.alarms import BAD
from data.store.read.datasets import DatasetStatus, dataset_statuses
from data.store.tables import model, promotion, run, score
from tasks.report.answer import LOOKS, moment
from tasks.report.facts import LAST_DECISION, TEST_OF_SERVED
from tasks.report.files import report_path
from tasks.report.rendering import page

SHOWN_RUNS = 30
"""The latest runs of a dataset that the page lists."""


@dataclass(frozen=True)
class ListedRun:
    """One run in the list of its dataset; `champion` is what served after it."""

    run_id: int
    started: str
    status: str
    look: str
    verdict: str | None
    champion: str | None
    rmse: float | None
    reason: str | None
    link: str | None


@dataclass(frozen=True)
class ListedDataset:
    """How a dataset stands, and its latest runs, the newest first."""

    name: str
    status: str
    look: str
    verdict: str | None
    verdict_look: str
    champion: str | None
    rmse: float | None
    target: str
    last_good: str | None
    note: str | None
    link: str | None
    runs: Sequence[ListedRun]
    more_runs: int


def index_page(connection: Connection, drawn: Set[str], *, now: datetime) -> str:
    """Return the index over all stored datasets; `drawn` are the paths of the reports there are."""
    datasets = [_listed(connection, status, drawn) for status in dataset_statuses(connection)]
    store = display_url(connection.engine.url)
    return page("index.html.j2", datasets=datasets, made=moment(now), store=store)


def _listed(connection: Connection, status: DatasetStatus, drawn: Set[str]) -> ListedDataset:
    runs = list(_runs(connection, status.dataset, drawn))
    of_dataset = select(func.count()).where(run.c.dataset == status.dataset)
    count = connection.execute(of_dataset).scalar_one()
    good = next((each for each in runs if each.status == "succeeded" and each.verdict), None)
    verdict = good.verdict if good else None
    failed = status.status in BAD
    return ListedDataset(
        name=status.dataset,
        status=status.status,
        look=LOOKS[status.status],
        verdict=verdict,
        verdict_look=LOOKS[verdict] if verdict else "",
        champion=status.champion,
        rmse=status.champion_test_rmse,
        target=_target(connection, status.dataset),
        last_good=moment(status.last_succeeded_at) if status.last_succeeded_at else None,
        note=status.reason if failed else " ".join(status.warnings) or None,
        link=runs[0].link if runs else None,
        runs=runs,
        more_runs=count - len(runs),
    )


def _target(connection: Connection, dataset: str) -> str:
    """Return the target of the dataset's latest run that had one."""
    had = and_(run.c.dataset == dataset, run.c.target.is_not(None))
    statement = select(run.c.target).where(had).order_by(run.c.run_id.desc()).limit(1)
    return connection.execute(statement).scalar() or ""


def _runs(connection: Connection, dataset: str, drawn: Set[str]) -> Iterator[ListedRun]:
    """Yield the latest runs of a dataset with what served after each, the newest first."""
    statement = (
        select(
            run.c.run_id,
            run.c.started_at,
            run.c.status,
            run.c.verdict,
            run.c.reason,
            (model.c.framework + "/" + model.c.kind).label("champion"),
            score.c.rmse,
        )
        .select_from(run)
        .outerjoin(promotion, promotion.c.promotion_id == LAST_DECISION)
        .outerjoin(model, model.c.model_id == promotion.c.model_id)
        .outerjoin(score, TEST_OF_SERVED)
        .where(run.c.dataset == dataset)
        .order_by(run.c.run_id.desc())
        .limit(SHOWN_RUNS)
    )
    for row in connection.execute(statement).all():
        path = report_path(dataset, row.run_id)
        yield ListedRun(
            run_id=row.run_id,
            started=f"{row.started_at:%Y-%m-%d %H:%M}",
            status=row.status,
            look=LOOKS[row.status],
            verdict=row.verdict,
            champion=row.champion,
            rmse=row.rmse,
            reason=row.reason,
            link=path if path in drawn else None,
        )

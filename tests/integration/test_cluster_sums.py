"""What the workers of a cluster do in parts: a scheduler, two workers, and one that is killed."""

import signal
from contextlib import contextmanager
from dataclasses import replace
from threading import Thread

import numpy as np
import psutil
import pytest
from helpers.dask_cluster import cluster_in, night_on, use_memory, wait_for
from helpers.shop_rows import found, shops_in

from data.cluster_address import cluster_address
from data.errors import SourceError
from regressors import fitting, gathered_predictions, gathering
from regressors.arrays import Coded, CodedTexts
from regressors.candidate import SEGMENT_KINDS, Candidate
from regressors.file_arrays import place_of
from regressors.intervals.rules import Rules
from regressors.job import Fitted, Job
from regressors.linear import gathered_sums
from regressors.segments import gathered_segments
from tasks.check import check
from tasks.cluster.cluster_workers import ClusterWorkers
from tasks.cluster.token_file import Token
from tasks.run import predicting
from tasks.run.row_files import RowColumns, RowFiles
from tasks.run.workers import FrameworkWorkers

ROWS = 24_000
NUMBERS = np.arange(ROWS)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with cluster_in(tmp_path_factory.mktemp("cluster"), workers=1) as made:
        yield made


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A job whose columns are in files of the driver, as those of a night are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("rows")))
        files = RowFiles()
        rng = np.random.default_rng(33)
        columns = {name: files.stored(rng.normal(size=ROWS)) for name in "xyz"}
        columns["gappy"] = files.stored(np.where(NUMBERS % 9, rng.normal(size=ROWS), np.nan))
        yield Job(
            dataset="made",
            candidate=Candidate("torch", "least_squares"),
            columns=columns,
            target=files.stored(columns["x"] + rng.normal(size=ROWS)),
            fold=files.stored(1 + NUMBERS % 5),
            chained=False,
            hidden=(),
            interval=Rules((0.9,)),
            weight=files.stored(1.0 + NUMBERS % 3),
            table="made",
        )


@pytest.fixture(scope="module")
def on_cluster(cluster):
    with ClusterWorkers(
        cluster_address(cluster.address),
        wait=60.0,
        time_limit=60,
        memory_limit=8.0,
        tell=lambda _: None,
    ) as night:
        yield night


@pytest.fixture(scope="module")
def workers(on_cluster):
    return FrameworkWorkers(on_cluster, on_cluster)


@pytest.fixture(autouse=True)
def nothing_kept(workers):
    yield
    workers._gathered.drop()


def bits(fitted):
    assert isinstance(fitted, Fitted), fitted
    arrays = (fitted.out_of_fold, *(end for ends in fitted.ends for end in ends))
    return fitted.model.to_bytes(), fitted.coefficients, [array.tobytes() for array in arrays]


@pytest.fixture(scope="module")
def alone(workers, made):
    """The bits of a fit that one worker does alone."""
    return bits(workers.run(fitting.validate, made))


def test_one_worker_gathers_the_sums_of_one_process(workers, made, alone, monkeypatch):
    monkeypatch.setattr(gathered_sums, "PART_ROWS", 10_000)
    assert bits(workers.run(fitting.validate, made, gather=gathering.for_validate)) == alone


@pytest.fixture(scope="module")
def second(cluster, on_cluster):
    return another_worker(cluster, on_cluster)


def another_worker(cluster, on_cluster):
    """Start a further worker; return its process, and its address."""
    night = on_cluster._nights.current()
    before = set(night.having("torch"))
    process = psutil.Process(cluster.start_worker().pid)
    wait_for(lambda: night.having("torch") - before, "the worker has not come")
    (address,) = night.having("torch") - before
    return process, address


def test_two_workers_gather_them_from_other_parts(
    cluster, second, workers, made, alone, monkeypatch
):
    monkeypatch.setattr(gathered_sums, "PART_ROWS", 500)
    assert bits(workers.run(fitting.validate, made, gather=gathering.for_validate)) == alone
    assert len(cluster.framework_processes()) == 2


@pytest.mark.parametrize("kind", SEGMENT_KINDS)
def test_two_workers_solve_segments_in_batches(second, workers, made, kind, monkeypatch):
    monkeypatch.setattr(gathered_segments, "BATCH_ROWS", 4_000)
    monkeypatch.setattr(gathered_segments, "MIN_BATCH_SEGMENTS", 10)
    labels = np.array([*(f"s{i:03d}" for i in range(200)), None], dtype=object)
    by_segment = replace(
        made,
        candidate=Candidate("torch", kind),
        columns={"shop": CodedTexts(NUMBERS % 201 - 1, labels), **made.columns},
        segment=("shop",),
        epochs=50,
    )
    together = workers.run(fitting.validate, by_segment)
    with_batches = workers.run(fitting.validate, by_segment, gather=gathering.for_validate)
    assert bits(with_batches) == bits(together)
    for name, values in vars(together.segments).items():
        assert repr(np.asarray(values).tolist()) == repr(
            np.asarray(getattr(with_batches.segments, name)).tolist()
        )


@pytest.fixture(scope="module")
def scored(workers, made):
    """A line with a category, and rows of which some have a level that it does not know."""
    labels = np.array([*(f"k{i}" for i in range(30)), None], dtype=object)
    columns = {**made.columns, "kind": CodedTexts(NUMBERS % 30, labels)}
    line = workers.run(fitting.validate, replace(made, columns=columns, table="scored"))
    assert isinstance(line, Fitted), line
    codes = np.where(NUMBERS % 7 == 0, NUMBERS % 31 - 1, NUMBERS % 30).astype(np.int32)
    other = labels.copy()
    other[29] = "unheard of"
    coded = {name: Coded(values) for name, values in made.columns.items()}
    coded["kind"] = Coded(codes, other)
    files = RowFiles()
    return line.model, RowColumns(coded, coded.__getitem__, files), made.weight, files


def digits(made):
    return [made.value.tobytes(), *(end.tobytes() for end in made.ends)], made.note.tolist()


def in_parts_of(rows, monkeypatch):
    monkeypatch.setattr(gathered_predictions, "PART_ROWS", rows)
    monkeypatch.setattr(predicting, "MIN_ROWS", rows)


def test_two_workers_predict_parts_as_one_process_does(second, workers, scored, monkeypatch):
    model, columns, weight, _ = scored
    here = model.predicted(columns.in_codes(), weight)
    assert 0 < len(here.noted) < ROWS
    in_parts_of(900, monkeypatch)
    made = workers.predict(model, columns, weight)
    assert digits(made) == digits(here)
    assert made.noted.tolist() == here.noted.tolist()
    assert all(place_of(values) for values in (made.value, *made.ends))


def test_predictions_by_workers_that_do_not_see_the_folder_are_sent_and_the_log_says_so(
    cluster, second, scored, monkeypatch, caplog
):
    model, columns, weight, files = scored
    in_parts_of(5_000, monkeypatch)
    hidden = Token(str(files.folder / "not there"), "unread")
    monkeypatch.setattr("tasks.cluster.night.Token.written", lambda: hidden)
    with night_on(cluster.address) as night, caplog.at_level("INFO", logger="nightfit"):
        made = FrameworkWorkers(night, night).predict(model, columns, weight)
    assert digits(made) == digits(model.predicted(columns.in_codes(), weight))
    sent = f"{8 * ROWS * (1 + len(made.ends)) / 1e6:,.1f} MB of predictions were sent by workers"
    assert sent in caplog.text


def test_rows_that_a_cluster_cannot_predict_are_predicted_here_with_a_warning(
    on_cluster, workers, scored, monkeypatch
):
    model, columns, weight, _ = scored
    in_parts_of(10_000, monkeypatch)
    monkeypatch.setattr(gathered_predictions, "predict_part", use_memory)
    made = workers.predict(model, columns, weight)
    assert digits(made) == digits(model.predicted(columns.in_codes(), weight))
    (warning,) = workers.take_warnings()
    assert warning == (
        "24,000 rows could not be predicted on the cluster, and were so here: it ran out of memory;"
        " its limit is 8 GiB (NIGHTFIT_FIT_MEMORY_LIMIT)."
    ), warning


# Checking, splitting and arranging the rows of a run


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    return shops_in(tmp_path_factory.mktemp("shops"))


@pytest.fixture
def each_column_alone(monkeypatch):
    """Has rules and rows of this size shared as those of large tables are."""
    monkeypatch.setattr("data.checks.declared.MANY_ROWS", 1)
    monkeypatch.setattr("data.checks.declared.COLUMNS_TOGETHER", 1)
    monkeypatch.setattr("tasks.run.row_work.MIN_ROWS", 1)


@pytest.fixture(scope="module")
def found_here(shops):
    made = found(shops)
    assert len(made[0].rejected_rows) == 1_400
    assert {"rows_do_not_repeat", "feature_varies"} <= {
        result.expectation for result in made[0].results if not result.success
    }
    return made


def test_two_workers_check_split_and_arrange_rows_of_which_none_is_read_here(
    second, workers, shops, found_here, each_column_alone, monkeypatch
):
    def unread(*_):
        raise AssertionError("the rows of a snapshot were read here")

    monkeypatch.setattr("data.sources.stored_columns.load", unread)
    assert found(shops, workers.row_work("shops", 70_000)) == found_here
    assert not workers.take_warnings()


def test_an_error_of_rows_that_a_worker_reads_is_that_of_rows_that_are_read_here(
    workers, shops, each_column_alone, tmp_path
):
    declaration, snapshot = shops
    damaged = tmp_path / snapshot.path.name
    content = bytearray(snapshot.path.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    errors = []
    for work in (None, workers.row_work("shops", 70_000)):
        with pytest.raises(SourceError) as caught:
            check.fn(declaration, replace(snapshot, path=damaged), work=work)
        errors.append(str(caught.value))
    assert errors[0] == errors[1]
    assert str(damaged) in errors[0]


def test_rows_are_checked_here_where_no_worker_sees_them_and_where_none_can(
    cluster, workers, shops, found_here, each_column_alone, tmp_path, monkeypatch, caplog
):
    hidden = Token(str(tmp_path / "not there"), "unread")
    with monkeypatch.context() as patch, caplog.at_level("INFO", logger="nightfit"):
        patch.setattr("tasks.cluster.night.Token.written", lambda: hidden)
        with night_on(cluster.address) as night:
            apart = FrameworkWorkers(night, night)
            assert found(shops, apart.row_work("shops", 70_000)) == found_here
            assert not apart.take_warnings()
    assert "reading the snapshot is done here, because no worker sees " in caplog.text
    monkeypatch.setattr("tasks.run.row_work.do_row_job", use_memory)
    check.fn(*shops, work=workers.row_work("shops", 70_000))
    assert workers.take_warnings()[0] == (
        "reading the snapshot could not be done on the cluster, so this machine did it: it ran out"
        " of memory; its limit is 8 GiB (NIGHTFIT_FIT_MEMORY_LIMIT)."
    )


@contextmanager
def killed_amid(on_cluster, process, address):
    """Kill a worker while it has a part of what is done within."""
    night = on_cluster._nights.current()

    def has_a_part():
        return any(job.worker == address for job in list(night._jobs.values()))

    def kill():
        wait_for(has_a_part, "no part has come to the worker")
        process.send_signal(signal.SIGSTOP)  # so that the next part is not done before the end
        wait_for(has_a_part, "no further part has come")
        process.kill()

    thread = Thread(target=kill)
    thread.start()
    yield
    thread.join()
    (warning,) = on_cluster.take_warnings()
    assert warning.startswith(f"The worker {address} of the cluster was lost amid a job")


def test_a_worker_that_is_killed_amid_the_parts_changes_no_bit(
    on_cluster, second, workers, made, alone, monkeypatch
):
    monkeypatch.setattr(gathered_sums, "PART_ROWS", 200)
    with killed_amid(on_cluster, *second):
        fitted = workers.run(fitting.validate, made, gather=gathering.for_validate)
    assert bits(fitted) == alone


def test_a_worker_that_is_killed_amid_predictions_changes_no_bit(
    cluster, on_cluster, workers, scored, monkeypatch
):
    model, columns, weight, _ = scored
    in_parts_of(100, monkeypatch)
    with killed_amid(on_cluster, *another_worker(cluster, on_cluster)):
        made = workers.predict(model, columns, weight)
    assert digits(made) == digits(model.predicted(columns.in_codes(), weight))


def test_a_worker_that_is_killed_amid_the_checks_changes_no_digit_or_word(
    cluster, on_cluster, workers, shops, found_here, each_column_alone
):
    with killed_amid(on_cluster, *another_worker(cluster, on_cluster)):
        assert found(shops, workers.row_work("shops", 70_000)) == found_here

"""Framework processes that die, hang, fail or cannot start, and what is left of them: nothing.

Functions without `test_` run in workers.
"""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from regressors.frameworks import parity
from regressors.frameworks.registry import FRAMEWORK_NAMES
from regressors.frameworks.workers import WorkerFailed, Workers

SECONDS = 30


def process_id(_):
    return os.getpid()


def sleep(_, seconds):
    time.sleep(seconds)
    return "awake"


def fail(_):
    raise ValueError("no such thing\nand a second line")


class UnpicklableError(Exception):
    def __init__(self, name, *, reason):
        super().__init__(f"{name}: {reason}")


def fail_strangely(_):
    raise UnpicklableError("thing", reason="odd")


def unpicklable(_):
    return lambda: None


def environment(_):
    return dict(os.environ)


def torch_threads(framework):
    return framework.torch.get_num_threads()


def chatter(_, text):
    print(text, flush=True)
    os.write(2, f"{text} again\n".encode())


def compiled_sum(framework):
    x = framework.tt.dvector()
    return float(framework.theano.function([x], (x**2).sum())([3.0, 4.0]))


def widest_operation(framework):
    """Return how many arrays the widest sum or product of the network's step takes."""
    network = framework._Network(2, framework.recipe.RECIPE, "float32")
    nodes = network.train.maker.fgraph.toposort()
    names = ("Elemwise{add", "Elemwise{mul")
    return max(len(node.inputs) for node in nodes if str(node.op).startswith(names))


def fill_memory(_, gibibytes):
    return len(bytearray(int(gibibytes * 2**30)))


def crash(_):
    os.kill(os.getpid(), signal.SIGSEGV)


def fill_the_disk(_):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with tempfile.TemporaryFile() as file:
            file.write(bytes(20_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def lone_torch(tmp_path, forked_workers):
    with Workers(("torch",), home=tmp_path, time_limit=SECONDS) as started:
        yield started


def _wait_until(condition):
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition was never met"
        time.sleep(0.05)


def test_a_worker_runs_many_jobs_in_one_process(workers):
    pids = {workers.result(workers.submit("torch", process_id)) for _ in range(5)}
    assert len(pids) == 1
    assert pids != {os.getpid()}


def test_a_fit_that_fills_the_disk_says_where_and_what_to_do(workers):
    where = (
        rf"^it has no room for temporary files in {tempfile.gettempdir()} \(File too large\): make"
    )
    with pytest.raises(WorkerFailed, match=where):
        workers.result(workers.submit("torch", fill_the_disk))
    assert workers.result(workers.submit("torch", process_id))


def test_an_exception_comes_back_as_one_line_and_the_worker_goes_on(workers):
    before = workers.result(workers.submit("torch", process_id))
    with pytest.raises(WorkerFailed, match=r"^ValueError: no such thing$"):
        workers.result(workers.submit("torch", fail))
    with pytest.raises(WorkerFailed, match=r"^UnpicklableError: thing: odd$"):
        workers.result(workers.submit("torch", fail_strangely))
    with pytest.raises(WorkerFailed, match="pickle"):
        workers.result(workers.submit("torch", unpicklable))
    with pytest.raises(WorkerFailed, match="could not be sent to its process"):
        workers.result(workers.submit("torch", lambda framework: None))
    assert workers.result(workers.submit("torch", process_id)) == before


def test_threads_are_pinned_before_the_framework_is_imported(workers):
    share = max(1, len(os.sched_getaffinity(0)) // len(FRAMEWORK_NAMES))
    seen = workers.result(workers.submit("tensorflow", environment))
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        assert seen[name] == str(share)
    assert workers.result(workers.submit("torch", torch_threads)) == share


def test_environment_of_the_caller_is_as_before_when_the_workers_are_gone(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("TF_NUM_INTEROP_THREADS", raising=False)
    with Workers(("torch",), home=tmp_path, time_limit=1):
        assert os.environ["TF_NUM_INTEROP_THREADS"] != ""
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "TF_NUM_INTEROP_THREADS" not in os.environ


def test_chatter_goes_to_the_log(workers, capfd):
    text = f"chatter {time.time()}"
    workers.result(workers.submit("torch", chatter, text))
    log = Path(__file__).parents[2] / ".nightfit" / "logs" / "worker-torch.log"
    assert f"{text}\n{text} again\n" in log.read_text()
    assert text not in "".join(capfd.readouterr())


def kill_at_first(_, marker):
    """Die like a process that somebody kills, unless an earlier one did."""
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def test_a_job_whose_worker_is_killed_is_done_again_in_a_new_one(lone_torch, tmp_path):
    first = lone_torch.result(lone_torch.submit("torch", process_id))
    second = lone_torch.result(lone_torch.submit("torch", kill_at_first, tmp_path / "killed"))
    assert second != first
    (warning,) = lone_torch.take_warnings()
    assert warning.startswith("The process of torch was killed (SIGKILL)")
    assert warning.endswith("A new one does its job again.")
    assert lone_torch.take_warnings() == ()


def test_jobs_that_end_their_worker_each_time_are_given_up(lone_torch):
    with pytest.raises(
        WorkerFailed,
        match=r"lost its process 2 times; the last one was ended by SIGSEGV.*torch\.log",
    ):
        lone_torch.result(lone_torch.submit("torch", crash))
    assert lone_torch.result(lone_torch.submit("torch", process_id))
    with pytest.raises(WorkerFailed, match="SIGSEGV"):
        lone_torch.result(lone_torch.submit("torch", crash))
    with pytest.raises(WorkerFailed, match=r"^2 jobs before it were lost; .*SIGSEGV"):
        lone_torch.result(lone_torch.submit("torch", process_id))


def test_a_worker_that_dies_while_it_waits_costs_no_job(lone_torch):
    first = lone_torch.result(lone_torch.submit("torch", process_id))
    os.kill(first, signal.SIGKILL)
    _wait_until(lambda: not psutil.pid_exists(first))
    second = lone_torch.result(lone_torch.submit("torch", process_id))
    assert second != first


def test_a_job_over_its_time_limit_is_killed_and_the_next_one_runs(tmp_path, forked_workers):
    with Workers(("torch",), home=tmp_path, time_limit=1) as workers:
        workers.probe_with(process_id, lambda *_: None)
        first = workers.result(workers.submit("torch", process_id))
        start = time.monotonic()
        with pytest.raises(WorkerFailed, match="took longer than the limit of 1 seconds"):
            workers.result(workers.submit("torch", sleep, 60))
        assert time.monotonic() - start < 10
        assert not psutil.pid_exists(first)
        assert workers.result(workers.submit("torch", sleep, 0)) == "awake"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to a limit")
def test_a_job_over_its_memory_limit_fails_in_a_sentence_and_the_next_one_runs(tmp_path):
    with Workers(("torch",), home=tmp_path, time_limit=SECONDS, memory_limit=1.5) as workers:
        assert workers.result(workers.submit("torch", fill_memory, 0.1)) > 0
        before = workers.result(workers.submit("torch", process_id))
        with pytest.raises(
            WorkerFailed,
            match=r"^it ran out of memory; its limit is 1\.5 GiB \(NIGHTFIT_FIT_MEMORY_LIMIT\)$",
        ):
            workers.result(workers.submit("torch", fill_memory, 2))
        assert workers.result(workers.submit("torch", process_id)) == before


def test_a_framework_that_cannot_be_imported_fails_in_a_sentence_and_others_go_on(
    tmp_path, monkeypatch
):
    broken = tmp_path / "path" / "theano"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('libmissing.so: no such file')\n")
    monkeypatch.syspath_prepend(broken.parent)
    with Workers(("theano", "torch"), home=tmp_path, time_limit=SECONDS) as workers:
        jobs = [workers.submit("theano", process_id) for _ in range(2)]
        other = workers.submit("torch", process_id)
        for job in jobs:
            with pytest.raises(
                WorkerFailed,
                match=r"^theano cannot be imported \(ImportError: libmissing\.so: no such file\)$",
            ):
                workers.result(job)
        assert workers.result(other) > 0


def test_two_nights_share_one_cache_of_compiled_code(tmp_path):
    def night():
        return Workers(("theano",), home=tmp_path, time_limit=60)

    with night() as first, night() as second:
        jobs = [(w, w.submit("theano", compiled_sum)) for w in (first, second)]
        assert [w.result(job) for w, job in jobs] == [25.0, 25.0]
    assert len(list(tmp_path.glob("theano-*"))) == 1
    compiled = []
    for _ in range(2):  # the first may find that the two got in each other's way
        with night() as later:
            assert later.result(later.submit("theano", compiled_sum)) == 25.0
        compiled.append({file.name for file in tmp_path.glob("theano-*/*/*/*.so")})
    assert compiled[0]
    assert compiled[0] == compiled[1]


def test_without_a_compiler_theano_runs_in_python_with_one_warning(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with Workers(("theano",), home=tmp_path, time_limit=60) as workers:
        probed = workers.result(workers.submit("theano", parity.probe))
        assert probed.passed, probed.reason
        (warning,) = workers.take_warnings()
        assert "no C++ compiler" in warning
        assert workers.result(workers.submit("theano", widest_operation)) == 2
    assert not list(tmp_path.glob("theano-*/*/*/*.so"))


def test_leaving_ends_the_job_that_runs_and_those_that_wait(tmp_path, forked_workers):
    with Workers(("torch",), home=tmp_path, time_limit=SECONDS) as workers:
        pid = workers.result(workers.submit("torch", process_id))
        jobs = [workers.submit("torch", sleep, 60) for _ in range(3)]
        time.sleep(0.3)
        start = time.monotonic()
    assert time.monotonic() - start < 10
    assert not psutil.pid_exists(pid)
    for job in jobs:
        assert job.done()
        with pytest.raises(WorkerFailed, match="stopped before it was done"):
            workers.result(job)


def test_job_that_comes_after_the_end_ends_like_those_that_were_there(tmp_path):
    workers = Workers(("torch",), home=tmp_path, time_limit=SECONDS)
    workers.stop()  # by the thread of a cancelled run, while others go on to their next fits
    with pytest.raises(WorkerFailed, match="stopped before it was done"):
        workers.result(workers.submit("torch", process_id))


PARENT = """
import signal, sys, time
from pathlib import Path
from regressors.frameworks.workers import Workers

def sleep(framework):
    print("asleep", flush=True)
    time.sleep(600)

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with Workers(("torch",), home=Path(sys.argv[1]), time_limit=600) as workers:
        job = workers.submit("torch", sleep)
        workers.result(job)
"""


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_process_outlives_its_parent(tmp_path, ending):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    root = Path(__file__).parents[2]
    parent = subprocess.Popen(
        [sys.executable, script, tmp_path],
        env={**os.environ, "PYTHONPATH": str(root)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    parent_process = psutil.Process(parent.pid)
    log = tmp_path / "logs" / "worker-torch.log"
    _wait_until(lambda: log.exists() and "asleep" in log.read_text())
    children = parent_process.children(recursive=True)
    assert children
    if ending == signal.SIGINT:
        os.killpg(parent.pid, ending)  # as a terminal does at Ctrl-C
    else:
        parent.send_signal(ending)
    parent.communicate(timeout=SECONDS)
    assert parent.returncode != 0
    gone, alive = psutil.wait_procs(children, timeout=SECONDS)
    assert not alive, f"{len(alive)} of {len(gone) + len(alive)} processes were left"

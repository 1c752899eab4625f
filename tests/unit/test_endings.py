"""How a command ends when it is asked to."""

import os
import signal
from contextlib import suppress

import pytest

from data.settings import settings
from flows import dataset_run
from flows.command.endings import end_if_asked, ending_in_order

ENDS = ((signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit))


@pytest.mark.parametrize(("number", "expected"), ENDS)
def test_an_error_in_tidying_up_does_not_take_the_place_of_a_signal(number, expected):
    def work_for_a_library():
        try:
            os.kill(os.getpid(), number)
        except (KeyboardInterrupt, SystemExit):
            raise ConnectionRefusedError("the server got the signal, too") from None

    with pytest.raises(expected) as end, ending_in_order():
        work_for_a_library()

    assert getattr(end.value, "code", None) in (None, 143)


@pytest.mark.parametrize(("number", "expected"), ENDS)
def test_a_signal_that_a_library_has_kept_ends_what_asks_for_it(number, expected):
    begun = []

    def work() -> None:
        for part in range(3):
            end_if_asked()
            begun.append(part)
            with suppress(BaseException):
                os.kill(os.getpid(), number)

    with pytest.raises(expected), ending_in_order():
        work()

    assert begun == [0]
    end_if_asked()  # of the next command nobody has asked it


@pytest.mark.parametrize(("number", "expected"), ENDS)
def test_a_night_takes_no_error_after_a_signal_for_that_of_a_dataset(
    number, expected, tmp_path, monkeypatch
):
    def interrupted(*_args, **_options):
        with suppress(BaseException):
            os.kill(os.getpid(), number)
        raise ConnectionRefusedError("the server got the signal, too")

    monkeypatch.setattr(dataset_run, "finished", interrupted)
    (tmp_path / "wages.yaml").write_text("source: {path: wages.csv}\nkey: id\ntarget: y\n")
    monkeypatch.setenv("NIGHTFIT_DATASETS", str(tmp_path))
    with pytest.raises(expected), ending_in_order():
        dataset_run.run_dataset(
            dataset_run.Asked("wages", None, force=False, wait=True), settings()
        )


def test_an_error_without_a_signal_is_raised_as_it_is():
    with pytest.raises(ConnectionRefusedError), ending_in_order():
        raise ConnectionRefusedError("nobody has asked for the end")


def test_what_handled_a_signal_before_handles_it_again():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    with ending_in_order():
        assert signal.getsignal(signal.SIGINT) is not before[0]

    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before

"""How a command ends when it is asked to."""

import os
import signal

import pytest

from flows.command.endings import ending_in_order

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


def test_an_error_without_a_signal_is_raised_as_it_is():
    with pytest.raises(ConnectionRefusedError), ending_in_order():
        raise ConnectionRefusedError("nobody has asked for the end")


def test_what_handled_a_signal_before_handles_it_again():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)

    with ending_in_order():
        assert signal.getsignal(signal.SIGINT) is not before[0]

    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before

"""How long a command waits for a server of Prefect that does not answer."""

from prefect.settings import (
    PREFECT_API_REQUEST_TIMEOUT,
    PREFECT_CLIENT_MAX_RETRIES,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    temporary_settings,
)

from flows.command.session import impatient_prefect


def test_a_command_asks_four_times_for_15_seconds_unless_the_user_wants_another_time():
    with impatient_prefect():
        assert PREFECT_API_REQUEST_TIMEOUT.value() == 15
        assert PREFECT_CLIENT_MAX_RETRIES.value() == 3
        assert PREFECT_FLOWS_HEARTBEAT_FREQUENCY.value() is None
    with temporary_settings({PREFECT_API_REQUEST_TIMEOUT: 60.0}), impatient_prefect():
        assert PREFECT_API_REQUEST_TIMEOUT.value() == 60
        assert PREFECT_CLIENT_MAX_RETRIES.value() == 3

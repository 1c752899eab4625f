"""The secrets of a source that the environment does not have: Prefect's Secret blocks."""

from typing import Any

from prefect.blocks.system import Secret

from data.connections.secrets import block_name
from data.errors import SourceAway, library_message


def prefect_secret(name: str) -> str | None:
    """Return the value of a Secret block, None if there is none of that name.

    Raises SourceAway if Prefect's server does not answer.
    """
    try:
        block: Any = Secret.load(block_name(name), _sync=True)  # type: ignore[call-arg]
        value = block.get()
    except ValueError:  # what Prefect raises for a block that is not there
        return None
    except Exception as error:  # noqa: BLE001 - whatever Prefect or the way to it raises
        raise SourceAway(
            f"Prefect's server does not give the secret {name!r}: {library_message(error)}",
            next_step=f"Set the environment variable {name}, or try again later.",
        ) from None
    return value if isinstance(value, str) else None

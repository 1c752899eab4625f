"""Whether an error that nobody expected comes of a damaged database."""

from data.errors import DamagedStore, StoreError
from data.store.check.structure import integrity_findings, value_findings
from data.store.database.failures import REPAIR
from data.store.session import Store


def damage_behind(url: str) -> DamagedStore | None:
    """Return the error for a database that is damaged, None if it is sound as far as it can tell.

    A damaged value may be of another type than its column, so that any code may stumble over it.
    """
    store = Store(url)
    try:
        with store.reading() as connection:
            findings = [*integrity_findings(connection), *value_findings(connection)]
    except DamagedStore as error:
        return error
    except (StoreError, OSError):
        return None
    if not findings:
        return None
    return DamagedStore(
        f"the database is damaged: {findings[0].what}", where=store.display_url, next_step=REPAIR
    )

"""Which database a command looks into: the one that is named, else that of a `dev` which is running here."""

from deploy.postgres import running_url
from deploy.settings import FoundDatabaseSettings
from schemas.errors import Misconfigured


def which_database(settings: FoundDatabaseSettings) -> str:
    """A URL. Raises Misconfigured where there is neither."""
    url = settings.database_url or running_url(settings.ledger_data_dir)
    if url is None:
        raise Misconfigured(
            [f"DATABASE_URL: not set, and no `dev` is running with its data in {settings.ledger_data_dir}"]
        )
    return url

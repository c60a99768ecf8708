"""`keys`: lists every public key that is or was in force, and since when the database knows it."""

import time
from datetime import datetime
from typing import Any

from deploy.commands import AsJson, command_app
from deploy.operator_session import query_database
from deploy.output import show
from deploy.settings import KeysSettings
from projections.signing_keys import instant_of, remembered_keys
from schemas.reading.key_ends import state_of
from schemas.reading.signing import Key
from schemas.settings import load

COLUMNS = ("account", "key_id", "not_before", "not_after", "first_seen_at", "configured", "state")

app = command_app()


@app.command()
def keys(*, as_json: AsJson = False) -> None:
    """List every public key that is or was in force."""
    settings = load(KeysSettings)
    has_ring = settings.telnyx_public_keys or settings.telnyx_public_keys_file
    ring = settings.key_ring().by_id if has_ring else {}
    remembered = query_database(settings, remembered_keys)
    first_seen_at = {key.key_id: seen_at for key, seen_at in remembered}
    known = {key.key_id: key for key, _ in remembered} | ring
    rows = [
        _row(key, first_seen_at.get(key.key_id), configured=key.key_id in ring)
        for key in sorted(known.values(), key=lambda key: (key.account, key.key_id))
    ]
    show(COLUMNS, rows, as_json=as_json)


def _row(key: Key, first_seen_at: datetime | None, *, configured: bool) -> list[Any]:
    validity = [instant_of(key.not_before), instant_of(key.not_after)]
    return [key.account, key.key_id, *validity, first_seen_at, configured, state_of(key, time.time())]

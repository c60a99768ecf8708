"""Spend limits: a messaging profile reached its daily limit."""

from msgspec import Struct

from schemas.families.envelope import Amount, Id, Webhook


class SpendLimit(Struct, frozen=True):
    """A messaging profile spent what it may in a day (UTC), in US dollars; Telnyx refuses its sends from now on."""

    profile_id: Id | None = None
    configured_limit: Amount | None = None
    current_cost: Amount | None = None


SpendLimitReached = Webhook[SpendLimit]

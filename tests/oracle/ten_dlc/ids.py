"""docs/semantics.md, section 7, "One thing, two ids": links between TCR ids and Telnyx ids, and the keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tests.oracle.bodies import Event
from tests.oracle.rows import Rows
from tests.oracle.ten_dlc.facts import Fact, facts, has_shape


@dataclass(frozen=True)
class Link:
    """One fact says that a TCR id and a Telnyx id are one campaign or brand."""

    fact: Fact
    entity: str
    tcr_id: str
    telnyx_id: str
    own_field: bool

    @property
    def rank(self) -> tuple[bool, datetime, UUID]:
        return (self.own_field, *self.fact.order)


def links(found: Sequence[Fact]) -> list[Link]:
    return [link for fact in found for link in (_campaign_link(fact), _brand_link(fact)) if link is not None]


def _campaign_link(fact: Fact) -> Link | None:
    own_field = fact.own_tcr_campaign_id is not None
    return _link(fact, "campaign", fact.tcr_campaign_id, fact.campaign_id, own_field=own_field)


def _brand_link(fact: Fact) -> Link | None:
    return _link(fact, "brand", fact.tcr_brand_id, fact.brand_id, own_field=True)


def _link(fact: Fact, entity: str, tcr_id: str | None, telnyx_id: str | None, *, own_field: bool) -> Link | None:
    if tcr_id is None or telnyx_id is None or not has_shape(entity, tcr_id) or has_shape(entity, telnyx_id):
        return None
    return Link(fact, entity, tcr_id, telnyx_id, own_field)


class Ids:
    """The ids that the links of all facts give."""

    def __init__(self, found: Sequence[Fact]) -> None:
        self.links = sorted(links(found), key=lambda link: link.rank)
        # The greatest link comes last, and so it is the one that stays.
        self.of_tcr_id = {(link.entity, link.tcr_id): link for link in self.links}
        self.of_telnyx_id = {(link.entity, link.telnyx_id): link for link in self.links}

    def resolved(self, entity: str, value: str | None) -> str | None:
        """The Telnyx id where a TCR id stands for one; else the id itself."""
        if value is None or (entity, value) not in self.of_tcr_id:
            return value
        return self.of_tcr_id[entity, value].telnyx_id

    def brand_key(self, fact: Fact) -> str | None:
        return self.resolved("brand", fact.brand_id or fact.tcr_brand_id)

    def campaign_key(self, fact: Fact) -> str | None:
        return self.resolved("campaign", fact.campaign_id or fact.own_tcr_campaign_id)

    def tcr_id(self, entity: str, key: str) -> str | None:
        """The TCR id that is linked to a key; else the key itself, if it has the shape."""
        if (entity, key) in self.of_telnyx_id:
            return self.of_telnyx_id[entity, key].tcr_id
        return key if has_shape(entity, key) else None


def ten_dlc_aliases(events: Sequence[Event]) -> Rows:
    return {
        (entity, tcr_id): {"entity": entity, "alias": tcr_id, "id": link.telnyx_id, "event_key": link.fact.event.key}
        for (entity, tcr_id), link in Ids(facts(events)).of_tcr_id.items()
    }

"""The table of families: where events of each type go, under which key, and how long they are kept."""

import pytest

from projections.tables.deliveries import DEFAULT_STATUS
from schemas.families.event_types import EventTypes
from schemas.families.table import FAMILIES, REMEMBERED_CHARACTERS, family_of, types_of, types_on

ROUTES = {
    "message.received": ("message-received", "messages", "consent"),
    "message.sent": ("message-delivery", "messages", "traffic"),
    "message.finalized": ("message-delivery", "messages", "traffic"),
    "message.read": ("message-delivery", "messages", "traffic"),
    "message.delivered": ("event", "messages", "traffic"),
    "10dlc.brand.update": ("10dlc-brand", "10dlc", "registry"),
    "brand.vetted": ("10dlc-brand", "10dlc", "registry"),
    "10dlc.campaign.update": ("10dlc-campaign", "10dlc", "registry"),
    "campaign.status_update": ("10dlc-campaign", "10dlc", "registry"),
    "10dlc.phone_number.update": ("10dlc-phone-number", "10dlc", "registry"),
    "10dlc.unheard_of": ("event", "10dlc", "registry"),
    "messaging-profile.spend-limit-reached": ("spend-limit-reached", "other", "traffic"),
    "messaging_hosted_numbers_orders.internal_transfer_detected": ("hosted-numbers-order", "other", "registry"),
    "toll_free_verification.status_update": ("toll-free-verification", "other", "registry"),
    "link_clicked": ("link-clicked", "other", "traffic"),
    "verify.delivered": ("verification", "other", "traffic"),
    "call.initiated": ("event", "other", "traffic"),
    "whatsapp.template.approved": ("event", "other", "traffic"),
    "Message.Received": ("event", "other", "traffic"),
    "message": ("event", "other", "traffic"),
    "": ("event", "other", "traffic"),
    "message." + "x" * REMEMBERED_CHARACTERS: ("event", "messages", "traffic"),
}


@pytest.mark.parametrize("event_type", ROUTES)
def test_an_event_type_has_one_schema_topic_and_retention_class(event_type: str) -> None:
    family = family_of(event_type)
    assert (family.schema, family.topic, family.retention_class) == ROUTES[event_type]


def test_a_family_is_reached_by_each_of_its_patterns() -> None:
    for family in FAMILIES:
        for pattern in family.event_types.patterns:
            assert family_of(pattern) is family


def test_patterns_are_exact_names_or_prefixes() -> None:
    event_types = EventTypes("brand.*", "link_clicked")
    taken = {
        name
        for name in ("brand.", "brand", "brand.vetted", "link_clicked", "link_clicked.x")
        if event_types.takes(name)
    }
    assert taken == {"brand.", "brand.vetted", "link_clicked"}
    assert event_types.sql_patterns == (["link_clicked"], ["brand."])
    assert str(event_types) == "brand.*, link_clicked"


def test_a_union_leaves_out_covered_patterns() -> None:
    assert types_on("10dlc").patterns == ("10dlc.*", "brand.*", "campaign.*")
    assert types_on("messages").patterns == ("message.*",)
    assert types_on("other").patterns == ("*",)
    assert types_of("message-received", "link-clicked").patterns == ("link_clicked", "message.received")


def test_an_unknown_schema_is_an_error() -> None:
    with pytest.raises(ValueError, match="no family has the schema unheard-of"):
        types_of("message-received", "unheard-of")


def test_every_delivery_event_has_a_default_status() -> None:
    assert set(DEFAULT_STATUS) == set(types_of("message-delivery").patterns)

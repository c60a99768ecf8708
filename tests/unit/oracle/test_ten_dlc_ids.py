"""The second computation of 10DLC ids against cases worked out by hand from docs/semantics.md, section 7."""

from tests.support.webhooks.oracle_rows import only, rows
from tests.support.webhooks.ten_dlc import OTHER, TCR, TCR2, TELNYX, fact


def test_a_late_link_moves_all_rows_to_the_telnyx_id() -> None:
    told = [
        fact(1, campaignId=TCR, type="VERIFIED"),
        fact(2, campaignId=TCR, phoneNumber="+13125550001", status="ADDED"),
    ]
    assert set(rows("campaigns", *told)) == {(TCR,)}
    told.append(fact(3, campaignId=TELNYX, tcrCampaignId=TCR, phoneNumber="+13125550002"))
    assert only("campaigns", *told)["campaign_id"] == TELNYX
    assert set(rows("campaign_transitions", *told)) == {(TELNYX, 1)}
    number = only("campaign_numbers", *told)
    assert (number["campaign_id"], number["tcr_campaign_id"]) == (TELNYX, TCR)
    alias = only("ten_dlc_aliases", *told)
    assert (alias["entity"], alias["alias"], alias["id"]) == ("campaign", TCR, TELNYX)


def test_links_of_fields_outdo_later_ones_of_descriptions() -> None:
    field = fact(1, campaignId=TELNYX, tcrCampaignId=TCR)
    description = fact(2, campaignId=OTHER, type="TCR_EVENT", description=TCR)
    assert only("ten_dlc_aliases", field, description)["id"] == TELNYX
    assert only("ten_dlc_aliases", field, fact(2, campaignId=OTHER, tcrCampaignId=TCR))["id"] == OTHER


def test_two_telnyx_ids_are_never_joined_and_each_shows_its_own_greatest_link() -> None:
    told = [fact(1, campaignId=TELNYX, tcrCampaignId=TCR), fact(2, campaignId=OTHER, tcrCampaignId=TCR)]
    found = rows("campaigns", *told)
    assert {key: row["tcr_campaign_id"] for (key,), row in found.items()} == {TELNYX: TCR, OTHER: TCR}
    told.append(fact(3, campaignId=TELNYX, tcrCampaignId=TCR2))
    found = rows("campaigns", *told)
    assert {key: row["tcr_campaign_id"] for (key,), row in found.items()} == {TELNYX: TCR2, OTHER: TCR}


def test_only_a_tcr_id_and_an_id_without_that_shape_are_linked() -> None:
    assert rows("ten_dlc_aliases", fact(campaignId=TCR2, tcrCampaignId=TCR)) == {}
    assert rows("ten_dlc_aliases", fact(campaignId=TELNYX, tcrCampaignId="c6x6m95")) == {}
    assert rows("ten_dlc_aliases", fact(brandId="b", tcrBrandId="C6X6M95")) == {}
    assert only("ten_dlc_aliases", fact(phoneNumber="1", brandId="b", tcrBrandId="BBRAND1"))["entity"] == "brand"

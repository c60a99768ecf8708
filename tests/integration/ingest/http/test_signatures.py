"""The HTTP table of the contract for signatures, case by case, over a socket: who signed, with which key, and when."""

import pytest
from nacl.signing import SigningKey

from tests.support.ingest.ingest_server import BODY, NOW, PATH, Site, key_of, request, running, site
from tests.support.webhooks.builders import OTHER_KEY, public_key_setting, signed_headers

__all__ = ["site"]  # a fixture


def refusal(reason: str) -> bytes:
    return b'{"error":"signature","reason":"%b"}' % reason.encode()


# --- 403 ---


@pytest.mark.parametrize("missing", ["telnyx-signature-ed25519", "telnyx-timestamp"])
async def test_a_missing_signature_header_is_named_so(site: Site, missing: str) -> None:
    headers = signed_headers(BODY, NOW)
    del headers[missing]
    reply = await site.ask(request(BODY, headers))
    assert (reply.status, reply.body) == (403, refusal("missing_header"))


GOOD = signed_headers(BODY, NOW)["telnyx-signature-ed25519"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"telnyx-signature-ed25519": ""},
        {"telnyx-signature-ed25519": "not base64"},
        {"telnyx-signature-ed25519": GOOD[:-2]},
        {"telnyx-signature-ed25519": GOOD + "="},
        {"telnyx-signature-ed25519": GOOD[:40] + " " + GOOD[40:]},
        {"telnyx-signature-ed25519": GOOD[:-3] + "B=="},
        {"telnyx-signature-ed25519": GOOD.replace("+", "-").replace("/", "_") if "+" in GOOD or "/" in GOOD else "-"},
        {"telnyx-signature-ed25519": "AAAA"},
        {"telnyx-timestamp": ""},
        {"telnyx-timestamp": "noon"},
        {"telnyx-timestamp": "-1"},
        {"telnyx-timestamp": "1.5"},
        {"telnyx-timestamp": "123456789012"},
        {"telnyx-timestamp": "\u0661"},
        {"Telnyx-Timestamp": str(NOW)},
        {"Telnyx-Signature-Ed25519": GOOD},
    ],
)
async def test_a_malformed_or_repeated_signature_header_is_refused(site: Site, wrong: dict[str, str]) -> None:
    reply = await site.ask(request(BODY, signed_headers(BODY, NOW) | wrong))
    assert (reply.status, reply.body) == (403, refusal("malformed_header"))
    assert site.durable.calls == 0


async def test_a_missing_header_wins_over_a_malformed_one(site: Site) -> None:
    reply = await site.ask(request(BODY, {"telnyx-timestamp": "noon"}))
    assert reply.body == refusal("missing_header")


async def test_header_names_count_in_any_case(site: Site) -> None:
    headers = {name.upper(): value for name, value in signed_headers(BODY, NOW).items()}
    assert (await site.ask(request(BODY, headers))).json["status"] == "accepted"


@pytest.mark.parametrize("signed", [BODY + b" ", BODY[:-1], b""])
async def test_a_signature_of_another_body_matches_no_key(site: Site, signed: bytes) -> None:
    reply = await site.ask(request(BODY, signed_headers(signed, NOW)))
    assert (reply.status, reply.body) == (403, refusal("no_matching_key"))


async def test_a_foreign_signature_outside_the_window_matches_no_key(site: Site) -> None:
    reply = await site.ask(request(BODY, signed_headers(BODY, 1, OTHER_KEY)))
    assert reply.body == refusal("no_matching_key")
    assert site.durable.calls == 0


@pytest.mark.parametrize(
    ("at", "reason"), [(NOW - 301, "stale_timestamp"), (NOW + 301, "future_timestamp"), (0, "stale_timestamp")]
)
async def test_a_genuine_delivery_outside_the_window_is_refused_and_parked_once(
    site: Site, at: int, reason: str
) -> None:
    for _ in range(2):
        reply = await site.post(BODY, at=at)
        assert (reply.status, reply.body) == (403, refusal(reason))
    assert [(r.topic, r.event_key) for r in site.durable.records] == [("telnyx.quarantine", key_of(BODY))]
    assert dict(site.durable.records[0].headers)["ledger_reason"] == reason.encode()


@pytest.mark.parametrize("at", [NOW - 300, NOW, NOW + 300])
async def test_the_window_includes_its_ends(site: Site, at: int) -> None:
    assert (await site.post(BODY, at=at)).json["status"] == "accepted"


@pytest.mark.parametrize("known_to", ["memory", "store"])
async def test_a_replay_of_a_known_event_adds_nothing(site: Site, known_to: str) -> None:
    if known_to == "memory":
        await site.post(BODY)
    else:
        site.store.stored.add(key_of(BODY))
    before = site.durable.calls
    assert (await site.post(BODY, at=NOW - 900)).body == refusal("stale_timestamp")
    assert site.durable.calls == before


async def test_a_stale_delivery_does_not_make_the_fresh_one_a_duplicate(site: Site) -> None:
    await site.post(BODY, at=NOW - 900)
    assert (await site.post(BODY)).json["status"] == "accepted"
    assert [record.topic for record in site.durable.records] == ["telnyx.quarantine", "telnyx.messages"]


async def test_a_stale_delivery_that_cannot_be_parked_is_503(site: Site) -> None:
    site.durable.can_accept = False
    assert (await site.post(BODY, at=NOW - 900)).status == 503


# --- accounts and keys ---


@pytest.mark.parametrize("path", ["/webhooks/telnyx/acme", "/webhooks/telnyx/acme/", "/webhooks/telnyx/acme?x=1"])
async def test_the_path_of_an_account_takes_that_accounts_keys(path: str) -> None:
    keys = f"{public_key_setting(account='acme')},{public_key_setting(OTHER_KEY, 'other')}"
    async with running(telnyx_public_keys=keys) as site:
        assert (await site.post(BODY, path=path)).json["status"] == "accepted"
        foreign = await site.ask(request(BODY, signed_headers(BODY, NOW, OTHER_KEY), path=path))
        assert foreign.body == refusal("no_matching_key")
        assert dict(site.durable.records[0].headers)["ce_source"] == b"telnyx/acme"


@pytest.mark.parametrize("account", ["nobody", "ACME", "a" * 65, "%00", "caf%C3%A9"])
async def test_an_unknown_account_matches_no_key(site: Site, account: str) -> None:
    reply = await site.post(BODY, path=f"{PATH}/{account}")
    assert (reply.status, reply.body) == (403, refusal("no_matching_key"))


async def test_the_shared_path_takes_the_key_of_any_account() -> None:
    keys = f"{public_key_setting(account='acme')},{public_key_setting(OTHER_KEY, 'other')}"
    async with running(telnyx_public_keys=keys) as site:
        await site.ask(request(BODY, signed_headers(BODY, NOW, OTHER_KEY)))
        assert dict(site.durable.records[0].headers)["ce_source"] == b"telnyx/other"


async def test_with_more_than_eight_keys_only_the_accounts_paths_are_served() -> None:
    others = [public_key_setting(SigningKey(bytes([n]) * 32), f"a{n}") for n in range(8)]
    async with running(telnyx_public_keys=",".join([public_key_setting(account="acme"), *others])) as site:
        assert (await site.post(BODY)).status == 404
        assert (await site.post(BODY, path=f"{PATH}/acme")).json["status"] == "accepted"
    async with running(telnyx_public_keys=",".join([public_key_setting(), *others[:7]])) as site:
        assert (await site.post(BODY)).json["status"] == "accepted"


async def test_a_keys_validity_is_compared_with_the_signed_time() -> None:
    keys = f"{public_key_setting()}:{NOW - 100}:{NOW - 50}"
    async with running(telnyx_public_keys=keys) as site:
        inside, late = await site.post(BODY, at=NOW - 50), await site.post(BODY, at=NOW - 49)
        assert (inside.json["status"], late.body) == ("accepted", refusal("no_matching_key"))

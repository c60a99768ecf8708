"""The HTTP contract for signatures, over a socket: the key, the account and the signed time."""

import pytest
import structlog.testing
from nacl.signing import SigningKey

from schemas.reading.signing import parse_keys
from tests.support.ingest.ingest_server import BODY, NOW, PATH, RunningIngest, key_of, request, running
from tests.support.webhooks.builders import OTHER_KEY, public_key_setting, signed_headers


def refusal(reason: str) -> bytes:
    return b'{"error":"signature","reason":"%b"}' % reason.encode()


# --- 403 ---


@pytest.mark.parametrize("missing", ["telnyx-signature-ed25519", "telnyx-timestamp"])
async def test_a_missing_signature_header_is_403_missing_header(ingest: RunningIngest, missing: str) -> None:
    headers = signed_headers(BODY, NOW)
    del headers[missing]
    reply = await ingest.ask(request(BODY, headers))
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
async def test_a_malformed_or_repeated_signature_is_refused(ingest: RunningIngest, wrong: dict[str, str]) -> None:
    reply = await ingest.ask(request(BODY, signed_headers(BODY, NOW) | wrong))
    assert (reply.status, reply.body) == (403, refusal("malformed_header"))
    assert ingest.durable.calls == 0


async def test_a_missing_header_wins_over_a_malformed_one(ingest: RunningIngest) -> None:
    reply = await ingest.ask(request(BODY, {"telnyx-timestamp": "noon"}))
    assert reply.body == refusal("missing_header")


async def test_header_names_count_in_any_case(ingest: RunningIngest) -> None:
    headers = {name.upper(): value for name, value in signed_headers(BODY, NOW).items()}
    assert (await ingest.ask(request(BODY, headers))).json["status"] == "accepted"


@pytest.mark.parametrize("signed", [BODY + b" ", BODY[:-1], b""])
async def test_a_signature_of_another_body_matches_no_key(ingest: RunningIngest, signed: bytes) -> None:
    reply = await ingest.ask(request(BODY, signed_headers(signed, NOW)))
    assert (reply.status, reply.body) == (403, refusal("no_matching_key"))


async def test_a_foreign_signature_outside_the_window_matches_no_key(ingest: RunningIngest) -> None:
    reply = await ingest.ask(request(BODY, signed_headers(BODY, 1, OTHER_KEY)))
    assert reply.body == refusal("no_matching_key")
    assert ingest.durable.calls == 0


@pytest.mark.parametrize(
    ("at", "reason"), [(NOW - 301, "stale_timestamp"), (NOW + 301, "future_timestamp"), (0, "stale_timestamp")]
)
async def test_a_genuine_delivery_outside_the_window_is_refused_and_quarantined_once(
    ingest: RunningIngest, at: int, reason: str
) -> None:
    for _ in range(2):
        reply = await ingest.post(BODY, at=at)
        assert (reply.status, reply.body) == (403, refusal(reason))
    assert [(r.topic, r.event_key) for r in ingest.durable.records] == [("telnyx.quarantine", key_of(BODY))]
    assert dict(ingest.durable.records[0].headers)["ledger_reason"] == reason.encode()


@pytest.mark.parametrize("at", [NOW - 300, NOW, NOW + 300])
async def test_the_window_includes_its_ends(ingest: RunningIngest, at: int) -> None:
    assert (await ingest.post(BODY, at=at)).json["status"] == "accepted"


@pytest.mark.parametrize("known_to", ["memory", "store"])
async def test_a_replay_of_a_known_event_adds_nothing(ingest: RunningIngest, known_to: str) -> None:
    if known_to == "memory":
        await ingest.post(BODY)
    else:
        ingest.store.stored.add(key_of(BODY))
    before = ingest.durable.calls
    assert (await ingest.post(BODY, at=NOW - 900)).body == refusal("stale_timestamp")
    assert ingest.durable.calls == before


async def test_a_stale_delivery_does_not_make_the_fresh_one_a_duplicate(ingest: RunningIngest) -> None:
    await ingest.post(BODY, at=NOW - 900)
    assert (await ingest.post(BODY)).json["status"] == "accepted"
    assert [record.topic for record in ingest.durable.records] == ["telnyx.quarantine", "telnyx.messages"]


async def test_a_stale_delivery_that_cannot_be_quarantined_is_503(ingest: RunningIngest) -> None:
    ingest.durable.can_accept = False
    assert (await ingest.post(BODY, at=NOW - 900)).status == 503


# --- accounts and keys ---


@pytest.mark.parametrize("path", ["/webhooks/telnyx/acme", "/webhooks/telnyx/acme/", "/webhooks/telnyx/acme?x=1"])
async def test_an_account_path_takes_the_keys_of_that_account(path: str) -> None:
    keys = f"{public_key_setting(account='acme')},{public_key_setting(OTHER_KEY, 'other')}"
    async with running(telnyx_public_keys=keys) as ingest:
        assert (await ingest.post(BODY, path=path)).json["status"] == "accepted"
        foreign = await ingest.ask(request(BODY, signed_headers(BODY, NOW, OTHER_KEY), path=path))
        assert foreign.body == refusal("no_matching_key")
        assert dict(ingest.durable.records[0].headers)["ce_source"] == b"telnyx/acme"


@pytest.mark.parametrize("account", ["nobody", "ACME", "a" * 65, "%00", "caf%C3%A9"])
async def test_an_unknown_account_matches_no_key(ingest: RunningIngest, account: str) -> None:
    reply = await ingest.post(BODY, path=f"{PATH}/{account}")
    assert (reply.status, reply.body) == (403, refusal("no_matching_key"))


async def test_the_shared_path_takes_the_key_of_any_account() -> None:
    keys = f"{public_key_setting(account='acme')},{public_key_setting(OTHER_KEY, 'other')}"
    async with running(telnyx_public_keys=keys) as ingest:
        await ingest.ask(request(BODY, signed_headers(BODY, NOW, OTHER_KEY)))
        assert dict(ingest.durable.records[0].headers)["ce_source"] == b"telnyx/other"


async def test_with_more_than_eight_keys_only_account_paths_are_served() -> None:
    others = [public_key_setting(SigningKey(bytes([n]) * 32), f"a{n}") for n in range(8)]
    async with running(telnyx_public_keys=",".join([public_key_setting(account="acme"), *others])) as ingest:
        assert (await ingest.post(BODY)).status == 404
        assert (await ingest.post(BODY, path=f"{PATH}/acme")).json["status"] == "accepted"
    async with running(telnyx_public_keys=",".join([public_key_setting(), *others[:7]])) as ingest:
        assert (await ingest.post(BODY)).json["status"] == "accepted"


async def test_a_keys_validity_is_compared_with_the_signed_time() -> None:
    keys = f"{public_key_setting()}:{NOW - 100}:{NOW - 50}"
    async with running(telnyx_public_keys=keys) as ingest:
        inside, late = await ingest.post(BODY, at=NOW - 50), await ingest.post(BODY, at=NOW - 49)
        assert (inside.json["status"], late.body) == ("accepted", refusal("no_matching_key"))


@pytest.mark.parametrize(("validity", "why"), [(f"::{NOW - 1}", "key_expired"), (f":{NOW + 1}:", "key_not_yet_valid")])
async def test_a_key_beyond_its_validity_is_named_in_the_log_and_not_in_the_answer(validity: str, why: str) -> None:
    async with running(telnyx_public_keys=public_key_setting() + validity) as ingest:
        with structlog.testing.capture_logs() as lines:
            reply = await ingest.post(BODY)
    assert (reply.status, reply.json) == (403, {"error": "signature", "reason": "no_matching_key"})
    [line] = [line for line in lines if line["event"] == "refused"]
    assert (line["reason"], line["why"], line["log_level"]) == ("no_matching_key", why, "warning")
    assert line["key_id"] == parse_keys([public_key_setting()])[0].key_id

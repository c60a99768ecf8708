"""The HTTP table of the contract, case by case, over a socket."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from nacl.signing import SigningKey

from schemas.event import Event, read
from tests.builders import (
    OTHER_KEY,
    again,
    encode,
    message_finalized,
    message_sent,
    public_key_setting,
    signed_headers,
    unknown_event,
)
from tests.fakes import FakeDurable
from tests.receiving import NOW, PATH, Site, request, running

BODY = encode(message_finalized())


def key_of(body: bytes) -> str:
    event = read(body)
    assert isinstance(event, Event)
    return event.key


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with running() as found:
        yield found


# --- 200 ---


async def test_a_new_event_is_accepted_under_its_key(site: Site) -> None:
    reply = await site.post(BODY)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/json")
    assert reply.body == b'{"status":"accepted","event_key":"%b"}' % key_of(BODY).encode()
    assert site.durable.keys() == [key_of(BODY)]
    assert site.durable.records[0].value == BODY


async def test_another_attempt_of_an_event_is_a_duplicate(site: Site) -> None:
    await site.post(BODY)
    reply = await site.post(encode(again(message_finalized())))
    assert (reply.status, reply.json) == (200, {"status": "duplicate", "event_key": key_of(BODY)})
    assert site.durable.calls == 1


async def test_an_event_that_is_stored_already_is_a_duplicate_after_a_restart(site: Site) -> None:
    site.store.stored.add(key_of(BODY))
    assert (await site.post(BODY)).json["status"] == "duplicate"
    assert site.durable.calls == 0


async def test_an_event_that_waits_in_the_spool_is_a_duplicate_after_a_restart() -> None:
    durable = FakeDurable([("telnyx.messages", key_of(BODY))])
    async with running(durable=durable) as site:
        assert (await site.post(BODY)).json["status"] == "duplicate"


async def test_an_unknown_event_type_is_accepted(site: Site) -> None:
    assert (await site.post(encode(unknown_event()))).json["status"] == "accepted"
    assert site.durable.records[0].topic == "telnyx.other"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"not json", "not_json"),
        (b'{"sms_id":"1"}', "webhook_api_v1"),
        (b"[]", "no_data"),
        (b'{"data":' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"}", "too_deep"),
        (b'{"data":{}}', "no_event_type"),
        (b'{"data":{"event_type":"message.sent"}}', "no_occurred_at"),
    ],
)
async def test_what_is_signed_but_not_understood_is_quarantined_however_often(
    site: Site, body: bytes, reason: str
) -> None:
    for _ in range(2):
        reply = await site.post(body)
        assert (reply.status, reply.body) == (200, b'{"status":"quarantined","reason":"%b"}' % reason.encode())
    assert [record.topic for record in site.durable.records] == ["telnyx.quarantine"]


# --- 403 ---


def refusal(reason: str) -> bytes:
    return b'{"error":"signature","reason":"%b"}' % reason.encode()


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
    site.durable.able = False
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


# --- 404, 405, 413, 415 ---


@pytest.mark.parametrize("path", ["/", "/webhooks", "/webhooks/telnyx/a/b", "/webhooks/telnyx//", "/health", "/x%2F"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_a_wrong_path_is_404_and_never_redirected(site: Site, path: str, method: str) -> None:
    reply = await site.ask(request(b"", {}, path=path, method=method))
    assert (reply.status, reply.body) == (404, b'{"error":"not_found"}')


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS", "DELETE", "PATCH"])
async def test_a_wrong_method_is_405_and_says_which_is_right(site: Site, method: str) -> None:
    reply = await site.ask(request(b"", {}, method=method))
    assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert reply.body == b'{"error":"method_not_allowed"}'


@pytest.mark.parametrize("path", [PATH + "/", PATH + "?a=b", PATH + "/?"])
async def test_a_slash_or_a_query_changes_nothing(site: Site, path: str) -> None:
    assert (await site.post(BODY, path=path)).json["status"] == "accepted"


async def test_a_declared_length_over_the_limit_is_413_without_a_byte_of_the_body(site: Site) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 262145\r\n\r\n".encode()
    async with site.connect() as connection:
        await connection.send(head)
        reply = await connection.reply()
        assert (reply.status, reply.body) == (413, b'{"error":"body_too_large"}')
        assert reply.headers["connection"] == "close"
        assert await connection.closed()


async def test_a_client_that_sends_its_whole_large_body_first_still_reads_the_413(site: Site) -> None:
    body = b"x" * 4_000_000
    reply = await site.ask(request(body, signed_headers(body, NOW)))
    assert reply.status == 413


async def test_a_body_of_exactly_the_limit_is_read(site: Site) -> None:
    body = BODY[:-1] + b" " * (262_144 - len(BODY)) + b"}"
    assert len(body) == 262_144
    assert (await site.post(body)).json["status"] == "accepted"
    assert (await site.post(body[:-1] + b" }")).status == 413


async def test_a_chunked_body_is_read_and_bounded(site: Site) -> None:
    def chunked(body: bytes) -> bytes:
        size = 7_000
        parts = [body[at : at + size] for at in range(0, len(body), size)]
        return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"

    def head(body: bytes) -> bytes:
        given = request(b"", signed_headers(body, NOW))
        return given.replace(b"content-length: 0", b"transfer-encoding: chunked")

    assert (await site.ask(head(BODY) + chunked(BODY))).json["status"] == "accepted"
    large = b"x" * 262_145
    assert (await site.ask(head(large) + chunked(large))).status == 413


@pytest.mark.parametrize(("value", "status"), [("gzip", 415), ("br, gzip", 415), ("identity", 200), ("IDENTITY", 200)])
async def test_a_content_encoding_is_refused(site: Site, value: str, status: int) -> None:
    reply = await site.ask(request(BODY, signed_headers(BODY, NOW) | {"content-encoding": value}))
    assert reply.status == status
    if status == 415:
        assert reply.body == b'{"error":"content_encoding"}'


async def test_the_checks_decide_in_their_order(site: Site) -> None:
    """Path, method, length, encoding, missing, malformed: each request lacks one thing less than the one before."""
    long = {"content-length": "999999"}
    coded = {"content-encoding": "gzip"}
    half = {"telnyx-timestamp": "noon"}
    bad = half | {"telnyx-signature-ed25519": "?"}

    async def status(method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
        given = {"content-length": "3", "host": "x"} | headers
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        reply = await site.ask(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode())
        return reply.status, str(reply.json.get("reason", reply.json["error"]))

    assert await status("PUT", "/x", long | coded) == (404, "not_found")
    assert await status("PUT", PATH, long | coded) == (405, "method_not_allowed")
    assert await status("POST", PATH, long | coded) == (413, "body_too_large")
    assert await status("POST", PATH, coded) == (415, "content_encoding")
    assert await status("POST", PATH, half) == (403, "missing_header")
    assert await status("POST", PATH, bad) == (403, "malformed_header")


# --- 408, 503 ---


async def test_a_body_that_does_not_come_is_408_within_two_seconds(site: Site) -> None:
    loop = asyncio.get_running_loop()
    async with site.connect() as connection:
        await connection.send(request(BODY, signed_headers(BODY, NOW))[:-10])
        began = loop.time()
        reply = await connection.reply()
        assert 1.4 < loop.time() - began < 2.0
        assert (reply.status, reply.body) == (408, b'{"error":"body_timeout"}')
        assert reply.headers["connection"] == "close"
        assert await connection.closed()


async def test_a_body_that_dribbles_is_408_too(site: Site) -> None:
    async with site.connect() as connection:
        await connection.send(request(BODY, signed_headers(BODY, NOW))[: -len(BODY)])

        async def dribble() -> None:
            for byte in BODY:
                await connection.send(bytes([byte]))
                await asyncio.sleep(0.05)

        dribbling = asyncio.create_task(dribble())
        assert (await connection.reply()).status == 408
        dribbling.cancel()
        await asyncio.gather(dribbling, return_exceptions=True)


@pytest.mark.parametrize("body", [BODY, b"not json"])
async def test_what_is_not_durable_anywhere_is_503_and_may_be_tried_again(site: Site, body: bytes) -> None:
    site.durable.able = False
    reply = await site.post(body)
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert reply.body == b'{"error":"unavailable"}'
    site.durable.able = True
    assert (await site.post(body)).json["status"] != "duplicate"
    assert len(site.durable.records) == 1


async def test_everything_is_answered_within_two_seconds_when_nothing_gets_durable(site: Site) -> None:
    site.durable.gate.clear()
    async with asyncio.timeout(2):
        replies = await asyncio.gather(*(site.post(encode(message_sent(f"m-{n}"))) for n in range(50)))
    assert {reply.status for reply in replies} == {503}


# --- health ---


async def test_health_and_metrics(site: Site) -> None:
    await site.post(BODY)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{site.receiver.port}", trust_env=False) as client:
        assert (await client.get("/health/live")).status_code == 200
        assert (await client.get("/health/ready")).status_code == 200
        text = (await client.get("/metrics")).text
        assert 'ledger_webhooks_total{outcome="accepted"} 1.0' in text
        assert (await client.post("/health/ready")).headers["allow"] == "GET, HEAD"
        site.durable.able = False
        assert (await client.get("/health/ready")).status_code == 503
        assert (await client.get("/health/live")).status_code == 200


async def test_head_has_the_head_of_get_and_no_body(site: Site) -> None:
    async with site.connect() as connection:
        for _ in range(2):
            await connection.send(request(b"", {}, method="HEAD", path="/health/live"))
            reply = await connection.reply(head_only=True)
            assert (reply.status, reply.headers["content-length"]) == (200, str(len(b'{"status":"live"}')))


async def test_with_an_admin_port_health_and_metrics_are_only_there() -> None:
    async with running(ledger_admin_port=0) as site:
        for path in ("/health/live", "/health/ready", "/metrics"):
            assert (await site.ask(request(b"", {}, method="GET", path=path))).status == 404
            reader, writer = await asyncio.open_connection("127.0.0.1", site.receiver.admin_port)
            writer.write(request(b"", {}, method="GET", path=path))
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", site.receiver.admin_port)
        writer.write(request(BODY, signed_headers(BODY, NOW)))
        assert (await reader.readline()).startswith(b"HTTP/1.1 404")
        writer.close()


async def test_metrics_name_no_number_and_no_id(site: Site) -> None:
    await site.post(BODY)
    await site.post(BODY, path=f"{PATH}/stranger-13125550001")
    reply = await site.ask(request(b"", {}, method="GET", path="/metrics"))
    data = json.loads(BODY)["data"]
    for secret in ("3125550001", data["id"], data["payload"]["id"], key_of(BODY), "stranger"):
        assert secret.encode() not in reply.body

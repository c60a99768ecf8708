"""The signature and the key ring: vendor vectors, and everything that must not verify."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_sign_open
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey

from schemas.errors import Misconfigured
from schemas.reading.signing import Key, KeyRing, decode_signature, parse_keys, verify

# telnyx-php's and telnyx-java's published test keys; Ed25519 is deterministic, so the signatures are vectors
PHP = (
    "+7E99DXiiQXvceNX4nHm3Lbm5mqPWad5RhDr2ufuCik=",
    b'{"data":{"event_type":"message.received","id":"test-123"}}',
    b"tMXRZyBL2gkwrgKp6CTDXTO/K+DVq0ZKEFB3tSdfBwqZGC3K/Hr7TCW+jY7RdWrAiKXEckI3tsHEpdz7lS/MDA==",
)
JAVA = (
    "jrMBoswHlhhVx2W2Www72WU/xn4UMpjreslD0m2u0qs=",
    b'{"event_type":"test","id":"abc123"}',
    b"7o3u2izfEtn5PFPE0nDvo9y8RErRmfHM5wIO04wRV6VTNaq6RiLj1ehc7uMJuIMihJobi2u3HYyB1Ie61c2XCQ==",
)
SMALL_ORDER = [
    bytes(32),
    b"\x01" + bytes(31),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
]


@pytest.mark.parametrize(("public", "body", "signature"), [PHP, JAVA])
def test_vendor_vectors_verify(public: str, body: bytes, signature: bytes) -> None:
    raw = decode_signature(signature)
    assert raw is not None
    [key] = parse_keys([f"acme:{public}"])
    assert KeyRing([key]).match(raw, b"1700000000", body, None) == key
    assert KeyRing([key]).match(raw, b"1700000001", body, None) is None
    assert KeyRing([key]).match(raw, b"01700000000", body, None) is None
    assert KeyRing([key]).match(raw, b"1700000000", body, "other") is None


def test_no_bit_flip_verifies() -> None:
    public, body, signature = PHP
    raw = decode_signature(signature)
    assert raw is not None
    key = base64.b64decode(public)
    for bit in range(512):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not verify(key, bytes(flipped), b"1700000000", body)
    for bit in range(len(body) * 8):
        changed = bytearray(body)
        changed[bit // 8] ^= 1 << bit % 8
        assert not verify(key, raw, b"1700000000", bytes(changed))


@given(
    body=st.binary(max_size=3000), stamp=st.from_regex(rb"[0-9]{1,11}", fullmatch=True), other=st.binary(max_size=70)
)
def test_verify_agrees_with_pynacl(body: bytes, stamp: bytes, other: bytes) -> None:
    """`verify` calls libsodium through a private module of PyNaCl. This test notices a release that changes it."""
    signing = SigningKey(b"k" * 32)
    key, signature = bytes(signing.verify_key), signing.sign(stamp + b"|" + body).signature
    for given_signature in (signature, other, (other + signature)[:64]):
        try:
            crypto_sign_open(given_signature + stamp + b"|" + body, key)
            holds = len(given_signature) == 64
        except (BadSignatureError, ValueError):
            holds = False
        assert verify(key, given_signature, stamp, body) is holds


@pytest.mark.parametrize("point", SMALL_ORDER)
def test_small_order_points_are_refused_as_keys_and_never_verify(point: bytes) -> None:
    with pytest.raises(Misconfigured):
        parse_keys([base64.b64encode(point).decode()])
    assert not verify(point, point + bytes(32), b"1700000000", b"{}")
    signature = SigningKey(bytes(32)).sign(b"1|{}").signature
    assert not verify(bytes(SigningKey(bytes(32)).verify_key), point + signature[32:], b"1", b"{}")


@pytest.mark.parametrize(
    "header",
    [b"", b"not-valid-base64!!!", b"AAAA", PHP[2] + b"\n", PHP[2].rstrip(b"="), b" " + PHP[2], PHP[2][:-3] + b"B=="],
)
def test_only_canonical_base64_of_64_bytes_is_a_signature(header: bytes) -> None:
    assert decode_signature(header) is None


def test_the_validity_of_a_key_is_compared_with_the_signed_time() -> None:
    signing = SigningKey(b"k" * 32)
    key = Key("acme", bytes(signing.verify_key), not_before=1000, not_after=2000)
    ring = KeyRing([key])
    for stamp, valid in ((b"999", False), (b"1000", True), (b"2000", True), (b"2001", False)):
        signature = signing.sign(stamp + b"|x").signature
        assert (ring.match(signature, stamp, b"x", None) is not None) is valid


def test_keys_parse_in_every_form() -> None:
    one, two = PHP[0], JAVA[0]
    keys = parse_keys([f" a:{one}:100:200 ", "", two])
    assert [(key.account, key.not_before, key.not_after) for key in keys] == [("a", 100, 200), ("default", None, None)]
    [key] = parse_keys([f"{one}::200"])
    assert (key.account, key.not_before, key.not_after) == ("default", None, 200)


def test_a_bad_key_is_named_by_its_position_and_never_shown() -> None:
    bad = ["UPPER:" + PHP[0], "a:AAAA", "a:!!", PHP[0], PHP[0], f"a:{JAVA[0]}:x", f"a:{JAVA[0]}:1:2:3"]
    with pytest.raises(Misconfigured) as caught:
        parse_keys(bad)
    assert [line.split(": ")[1] for line in caught.value.problems] == [f"entry {n}" for n in (1, 2, 3, 5, 6, 7)]
    assert PHP[0] not in str(caught.value)

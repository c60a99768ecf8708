"""Verifies Telnyx's Ed25519 signature over `timestamp|body` with a ring of public keys.

Ingest, the projector and, years later, an auditor apply the same rule: a key's validity is compared with the *signed*
time, never with the clock.
"""

import re
from binascii import Error, a2b_base64, b2a_base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from nacl.bindings import crypto_core_ed25519_is_valid_point

from schemas.errors import Misconfigured
from schemas.library_internals import untried

TRIED = "1.6.2"
try:  # private names of PyNaCl, of which this is the only user
    from nacl._sodium import ffi, lib

    _crypto_sign_open = lib.crypto_sign_open
except (ImportError, AttributeError) as error:
    raise untried("pynacl", TRIED, [str(error)]) from None

PER_PATH_KEYS = 8
ACCOUNT = re.compile(r"[a-z0-9_-]{1,64}")
_SECONDS = re.compile(r"[0-9]{1,11}")


@dataclass(frozen=True, slots=True)
class Key:
    """A public key of one account. It is valid from `not_before` to `not_after`, inclusive; None means no limit.

    Both are Unix seconds and are compared with the signed time.

    `key_id` is the first 16 hex digits of SHA-256 of the 32 key bytes.
    """

    account: str
    public_key: bytes
    not_before: int | None = None
    not_after: int | None = None
    key_id: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key_id", sha256(self.public_key).hexdigest()[:16])

    def valid_at(self, signed_seconds: int) -> bool:
        return (self.not_before is None or self.not_before <= signed_seconds) and (
            self.not_after is None or signed_seconds <= self.not_after
        )


class KeyRing:
    """The keys in use. Immutable: a rotation makes a new ring."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self.keys = tuple(keys)
        self.by_id = {key.key_id: key for key in keys}
        self._of_account: dict[str, tuple[Key, ...]] = {}
        for key in keys:
            self._of_account[key.account] = (*self._of_account.get(key.account, ()), key)

    def of_account(self, account: str) -> tuple[Key, ...]:
        """The keys of an account. Empty for an unknown account."""
        return self._of_account.get(account, ())

    def match(self, signature: bytes, signed_timestamp: bytes, body: bytes, account: str | None) -> Key | None:
        """The key of that account (None: of any account) that signed. `signed_timestamp` is the header's digits."""
        seconds = int(signed_timestamp)
        for key in self.keys if account is None else self.of_account(account):
            if key.valid_at(seconds) and verify(key.public_key, signature, signed_timestamp, body):
                return key
        return None

    def match_beyond_validity(
        self, signature: bytes, signed_timestamp: bytes, body: bytes, account: str | None
    ) -> Key | None:
        """The key that signed at a time at which it was not valid. `match` has found none."""
        seconds = int(signed_timestamp)
        for key in self.keys if account is None else self.of_account(account):
            if not key.valid_at(seconds) and verify(key.public_key, signature, signed_timestamp, body):
                return key
        return None

    @property
    def serves_shared_path(self) -> bool:
        """Whether webhooks without an account in their path are taken: every key is tried for them."""
        return len(self.keys) <= PER_PATH_KEYS


def verify(public_key: bytes, signature: bytes, signed_timestamp: bytes, body: bytes) -> bool:
    """Whether `public_key` signed `signed_timestamp|body`. False for wrong lengths and for small-order points."""
    if len(signature) != 64 or len(public_key) != 32:
        return False
    signed = b"%b%b|%b" % (signature, signed_timestamp, body)
    # PyNaCl's crypto_sign_open returns a copy of the message, which costs 3 % of the whole. libsodium's header allows
    # null for the copy and for its length.
    verdict: int = _crypto_sign_open(ffi.NULL, ffi.NULL, signed, len(signed), public_key)
    return verdict == 0


def decode_signature(header: bytes) -> bytes | None:
    """64 bytes from canonical base64, else None. One signature has one encoding, so its bytes are all we store."""
    try:
        raw = a2b_base64(header, strict_mode=True)
    except Error:
        return None
    return raw if len(raw) == 64 and b2a_base64(raw, newline=False) == header else None


def parse_keys(items: Iterable[str], source: str = "TELNYX_PUBLIC_KEYS") -> list[Key]:
    """Keys from items `account:base64key[:not_before[:not_after]]`. A bare key belongs to the account `default`.

    Blank items are skipped. Raises Misconfigured with one problem per item, under the name of the `source`. Problems
    never repeat key material.
    """
    keys: dict[bytes, Key] = {}
    problems = []
    for number, item in enumerate((item.strip() for item in items), start=1):
        if not item:
            continue
        key = _parse_key(item)
        if isinstance(key, str):
            problems.append(f"{source}: entry {number}: {key}")
        elif key.public_key in keys:
            problems.append(f"{source}: entry {number}: the same key is given twice")
        else:
            keys[key.public_key] = key
    if problems:
        raise Misconfigured(problems)
    return list(keys.values())


def _parse_key(item: str) -> Key | str:
    """A key, or the problem with the item."""
    parts = item.split(":")
    if not ACCOUNT.fullmatch(parts[0]) or len(parts) == 1:
        parts.insert(0, "default")
    account, encoded, *times = parts
    if not ACCOUNT.fullmatch(account) or len(times) > 2 or not all(_SECONDS.fullmatch(t) or t == "" for t in times):
        return "expected account:base64key[:not_before[:not_after]], account of [a-z0-9_-], times as Unix seconds"
    try:
        public_key = a2b_base64(encoded.encode(), strict_mode=True)
    except (Error, UnicodeEncodeError):
        return "the key is not base64 (copy it from the portal: 44 characters that end in '=')"
    if len(public_key) != 32:
        return f"the key has {len(public_key)} bytes, an Ed25519 public key has 32"
    if not crypto_core_ed25519_is_valid_point(public_key):
        return "the key is not a valid Ed25519 point (or one of small order, which would accept forgeries)"
    not_before, not_after = (*times, "", "")[:2]
    return Key(account, public_key, int(not_before) if not_before else None, int(not_after) if not_after else None)

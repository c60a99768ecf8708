"""The development key: made on first use, kept in LEDGER_DATA_DIR for its owner only, and never one of Telnyx's."""

import os
from base64 import b64encode
from binascii import Error, a2b_base64, b2a_base64
from dataclasses import dataclass
from pathlib import Path

from nacl.signing import SigningKey

from deploy.simulator.webhook import Signing, Webhook
from schemas.errors import Misconfigured

# Synthetic events carry an account of their own, so that no query need mistake them for real ones.
ACCOUNT = "development"
FILE_NAME = "development-key"
BEYOND_WINDOW_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class DevelopmentKey:
    signing_key: SigningKey

    @property
    def public_line(self) -> str:
        """An entry of TELNYX_PUBLIC_KEYS."""
        return f"{ACCOUNT}:{b64encode(bytes(self.signing_key.verify_key)).decode()}"

    def beside(self, given: str) -> str:
        """The value of TELNYX_PUBLIC_KEYS with this key among those that are given; it may be one of them."""
        return given if self.public_line in given else ",".join(filter(None, (given, self.public_line)))

    def headers(self, webhook: Webhook, body: bytes, now_seconds: int) -> dict[str, str]:
        """Telnyx's two headers, or what the webhook is meant to have in their place."""
        if webhook.signing is Signing.MISSING:
            return {"telnyx-timestamp": str(now_seconds)}
        offset = {Signing.STALE: -BEYOND_WINDOW_SECONDS, Signing.FUTURE: BEYOND_WINDOW_SECONDS}.get(webhook.signing, 0)
        timestamp = str(now_seconds + offset)
        key = SigningKey(bytes(32)) if webhook.signing is Signing.FOREIGN_KEY else self.signing_key
        signature = bytearray(key.sign(f"{timestamp}|".encode() + body).signature)
        if webhook.signing is Signing.FLIPPED:
            signature[len(body) % 64] ^= 1
        encoded = b64encode(signature).decode()
        if webhook.signing is Signing.MALFORMED:
            encoded = encoded[:40]
        return {"telnyx-timestamp": timestamp, "telnyx-signature-ed25519": encoded}


def development_key(data_dir: Path) -> DevelopmentKey:
    """The key in `data_dir`, made there if there is none. Raises Misconfigured if the file cannot be used."""
    path = data_dir / FILE_NAME
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(path)
        seed = a2b_base64(path.read_bytes().strip(), strict_mode=True)
        return DevelopmentKey(SigningKey(seed))
    except (Error, ValueError) as error:
        raise Misconfigured([f"LEDGER_DATA_DIR: {path} holds no key (remove it to have a new one): {error}"]) from None
    except OSError as error:
        raise Misconfigured([f"LEDGER_DATA_DIR: {path} cannot be used: {error.strerror}"]) from None


def _make(path: Path) -> None:
    """Write a new key unless there is one. Linked into place whole: of two processes that start at once, one wins."""
    if path.exists():
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(b2a_base64(bytes(SigningKey.generate())))
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()

"""The development key: made at first use, and readable by its owner only. It is never a key of Telnyx."""

import os
from base64 import b64encode
from binascii import Error, a2b_base64, b2a_base64
from dataclasses import dataclass
from pathlib import Path

from nacl.signing import SigningKey

from deploy.simulator.webhook import Signing, Webhook
from schemas.errors import Misconfigured

# Synthetic events have a separate account, which tells them from real ones in every query.
ACCOUNT = "development"
FILE_NAME = "development-key"
BEYOND_WINDOW_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class DevelopmentKey:
    signing_key: SigningKey

    @property
    def public_line(self) -> str:
        """Return its entry for TELNYX_PUBLIC_KEYS."""
        return f"{ACCOUNT}:{b64encode(bytes(self.signing_key.verify_key)).decode()}"

    def added_to(self, entries: str) -> str:
        """Return the value of TELNYX_PUBLIC_KEYS with this key added, unless it is in it."""
        return entries if self.public_line in entries else ",".join(filter(None, (entries, self.public_line)))

    def headers(self, webhook: Webhook, body: bytes, now_seconds: int) -> dict[str, str]:
        """Return Telnyx's two headers, spoiled as the webhook asks for."""
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
    """Return the key in `data_dir`, made if there is none. Raises Misconfigured if the file cannot be used."""
    path = data_dir / FILE_NAME
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(path)
        seed = a2b_base64(path.read_bytes().strip(), strict_mode=True)
        return DevelopmentKey(SigningKey(seed))
    except (Error, ValueError) as error:
        raise Misconfigured(
            [f"LEDGER_DATA_DIR: {path} does not hold a key; remove it to get a new one: {error}"]
        ) from None
    except OSError as error:
        raise Misconfigured([f"LEDGER_DATA_DIR: {path} cannot be used: {error.strerror}"]) from None


def _make(path: Path) -> None:
    """Write a new key unless there is one. The hard link is atomic: of two processes that start together, one wins."""
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

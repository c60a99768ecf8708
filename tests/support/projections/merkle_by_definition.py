"""The tree hash of RFC 9162, section 2.1.1, written as the RFC defines it: recursively."""

from hashlib import sha256


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH of section 2.1.1, over leaf hashes."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1" + by_definition(leaves[:half]) + by_definition(leaves[half:])).digest()

"""The hashes of a seal: the Merkle tree hash of RFC 9162 over events, and the chain from each seal to the next.

An auditor can compute all of them from the comments of telnyx.event_seals and RFC 9162, section 2.1. The hash is
SHA-256; 0x00 precedes a leaf and 0x01 a node, so neither can replace the other.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from uuid import UUID

FIRST_CHAIN = bytes(32)
GROUP = 64  # leaves; a power of two, so that the tree over the roots of groups is the top of the whole tree


def leaf_hash(position: int, event_key: UUID, body_sha256: bytes) -> bytes:
    """The leaf of an event: hash of position (8 bytes, big-endian), event_key (16 bytes) and SHA-256 of its body."""
    return sha256(b"\0" + position.to_bytes(8, signed=True) + event_key.bytes + body_sha256).digest()


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes. Without leaves it is the hash of an empty string (RFC 9162, section 2.1.1)."""
    root = sha256(b"").digest()
    for level in _levels(leaves):
        root = level[0]
    return root


def inclusion_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes that lead from the leaf at `index` to the root, nearest first (RFC 9162, section 2.1.3.1).

    Raises IndexError for an index without leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(index)
    path = []
    for level in _levels(leaves):
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        index >>= 1
    return path


def group_roots(leaves: Sequence[bytes]) -> list[bytes]:
    """The tree hash of each group of GROUP leaves. The `tree_hash` of these roots is that of all leaves.

    The path of a leaf in its group, followed by the path of the group among these roots, is its path in the tree.
    """
    return [tree_hash(leaves[start : start + GROUP]) for start in range(0, len(leaves), GROUP)]


def chain_value(previous: bytes, root: bytes, last_position: int) -> bytes:
    """The chain value of a seal. `previous` is that of the seal before, and FIRST_CHAIN for the first seal."""
    return sha256(previous + root + last_position.to_bytes(8, signed=True)).digest()


def _levels(leaves: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """The levels from the leaves to the root. A last node without partner moves up unchanged.

    This is the tree of the RFC, which splits at the largest power of two below the size.
    """
    level = leaves
    while level:
        yield level
        if len(level) == 1:
            return
        pairs = [sha256(b"\1" + left + right).digest() for left, right in zip(level[::2], level[1::2], strict=False)]
        level = pairs + [level[-1]] * (len(level) % 2)

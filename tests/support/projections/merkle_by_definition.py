"""RFC 9162 as an auditor writes it: the tree hash by its recursive definition, and the check of an inclusion path."""

from collections.abc import Sequence
from hashlib import sha256


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH of section 2.1.1, over leaf hashes."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1" + by_definition(leaves[:half]) + by_definition(leaves[half:])).digest()


def root_from_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root of a tree of `size` leaves with `leaf` at `index`, computed by the path (section 2.1.3.2).

    None if a path of this length does not belong to that index.
    """
    if not 0 <= index < size:
        return None
    root, last, rest = leaf, size - 1, list(path)
    while last:
        if index & 1 or index < last:
            if not rest:
                return None
            step = rest.pop(0)
            root = sha256(b"\1" + (step + root if index & 1 else root + step)).digest()
        index, last = index >> 1, last >> 1
    return None if rest else root

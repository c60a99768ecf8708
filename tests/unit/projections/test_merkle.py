"""The tree of RFC 9162: the reference vectors of Certificate Transparency, and the RFC's recursive definition."""

from hashlib import sha256
from uuid import UUID

import pytest

from projections.integrity.merkle import (
    FIRST_CHAIN,
    GROUP,
    chain_value,
    group_roots,
    inclusion_path,
    leaf_hash,
    tree_hash,
)
from tests.support.projections.merkle_by_definition import by_definition, root_from_path

# The eight leaves that implementations of Certificate Transparency test with, and the roots over the first n of them.
REFERENCE_LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
REFERENCE_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
KEY = UUID("00112233-4455-6677-8899-aabbccddeeff")
SIZES = [*range(1, 34), 63, 64, 65, 100]


def leaves_of(size: int) -> list[bytes]:
    return [sha256(b"\0%d" % number).digest() for number in range(size)]


def path_by_definition(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    half = 1 << (len(leaves) - 1).bit_length() - 1
    if index < half:
        return [*path_by_definition(index, leaves[:half]), by_definition(leaves[half:])]
    return [*path_by_definition(index - half, leaves[half:]), by_definition(leaves[:half])]


def test_roots_equal_the_reference_vectors() -> None:
    leaves = [sha256(b"\0" + bytes.fromhex(leaf)).digest() for leaf in REFERENCE_LEAVES]
    assert [tree_hash(leaves[:size]).hex() for size in range(9)] == REFERENCE_ROOTS


@pytest.mark.parametrize("size", SIZES)
def test_roots_and_paths_follow_the_definition(size: int) -> None:
    leaves = leaves_of(size)
    root = tree_hash(leaves)
    assert root == by_definition(leaves)
    for index, leaf in enumerate(leaves):
        path = inclusion_path(leaves, index)
        assert path == path_by_definition(index, leaves)
        assert root_from_path(leaf, index, size, path) == root


def test_a_path_proves_one_leaf_at_one_place() -> None:
    leaves = leaves_of(7)
    root, path = tree_hash(leaves), inclusion_path(leaves, 4)
    assert root_from_path(leaves[3], 4, 7, path) != root
    assert root_from_path(leaves[4], 5, 7, path) != root
    for changed in range(len(path)):
        assert root_from_path(leaves[4], 4, 7, [*path[:changed], bytes(32), *path[changed + 1 :]]) != root


@pytest.mark.parametrize(("index", "size", "length"), [(4, 7, 2), (4, 7, 4), (7, 7, 3), (-1, 7, 3), (0, 0, 0)])
def test_an_impossible_path_gives_no_root(index: int, size: int, length: int) -> None:
    assert root_from_path(bytes(32), index, size, [bytes(32)] * length) is None


def test_an_absent_leaf_has_no_path() -> None:
    for index in (-1, 3):
        with pytest.raises(IndexError):
            inclusion_path(leaves_of(3), index)


def test_leaf_and_chain_follow_the_contract() -> None:
    body = sha256(b"{}").digest()
    data = bytes.fromhex("0000000000000102" + "00112233445566778899aabbccddeeff") + body
    assert leaf_hash(258, KEY, body) == sha256(b"\0" + data).digest()
    root = tree_hash([leaf_hash(258, KEY, body)])
    first = chain_value(FIRST_CHAIN, root, 258)
    assert first == sha256(bytes(32) + root + bytes.fromhex("0000000000000102")).digest()
    assert chain_value(first, root, 259) == sha256(first + root + bytes.fromhex("0000000000000103")).digest()


@pytest.mark.parametrize("size", [1, GROUP - 1, GROUP, GROUP + 1, 3 * GROUP, 5 * GROUP + 7, 11 * GROUP - 1])
def test_a_path_through_a_group_equals_the_path_through_the_tree(size: int) -> None:
    leaves = leaves_of(size)
    roots = group_roots(leaves)
    assert tree_hash(roots) == tree_hash(leaves)
    for index in range(size):
        group = leaves[index - index % GROUP :][:GROUP]
        path = [*inclusion_path(group, index % GROUP), *inclusion_path(roots, index // GROUP)]
        assert path == inclusion_path(leaves, index)

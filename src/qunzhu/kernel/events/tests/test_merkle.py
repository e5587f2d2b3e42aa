"""RFC 6962 trees: the published vectors of Certificate Transparency, and properties."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qunzhu.kernel.events import merkle

# The seven-leaf example of RFC 6962, section 2.1.3, in the reference implementation's data.
DATA = [bytes.fromhex(x) for x in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
LEAVES = [merkle.leaf_hash(d) for d in DATA]


def slow_root(leaves):
    """The definition in RFC 6962, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return merkle.node_hash(slow_root(leaves[:k]), slow_root(leaves[k:]))


def test_published_roots():
    assert merkle.root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle.root(LEAVES[:1]).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert merkle.root(LEAVES[:2]).hex() == "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
    assert merkle.root(LEAVES[:7]).hex() == "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"


@given(st.integers(0, 300))
def test_the_root_is_the_recursive_definition(size):
    leaves = [merkle.leaf_hash(str(n).encode()) for n in range(size)]
    assert merkle.root(leaves) == slow_root(leaves)


@given(st.integers(1, 1100), st.data())
def test_every_leaf_is_proved_and_nothing_else(size, data):
    leaves = [merkle.leaf_hash(n.to_bytes(4, "big")) for n in range(size)]
    index = data.draw(st.integers(0, size - 1))
    root, path = merkle.root(leaves), merkle.proof(leaves, index)
    assert merkle.verify(leaves[index], index, size, path, root)
    assert not merkle.verify(merkle.leaf_hash(b"other"), index, size, path, root)
    assert not merkle.verify(leaves[index], index, size, path, bytes(32))
    if size > 1:
        assert not merkle.verify(leaves[index], (index + 1) % size, size, path, root)
        assert not merkle.verify(leaves[index], index, size, path[:-1], root)
        assert not merkle.verify(leaves[index], index, size, [*path, bytes(32)], root)
        broken = data.draw(st.integers(0, len(path) - 1))
        assert not merkle.verify(leaves[index], index, size, [*path[:broken], bytes(32), *path[broken + 1 :]], root)


def test_a_leaf_outside_the_tree_has_no_proof():
    with pytest.raises(IndexError, match="leaf 7 of 7"):
        merkle.proof(LEAVES, 7)
    assert not merkle.verify(LEAVES[0], 7, 7, [], merkle.root(LEAVES))

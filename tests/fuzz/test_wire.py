"""The wire parser under structured garbage: no crash, no hang, no great memory, no message read but its canonical one."""

import os

import pytest
import wire_harness
import wire_mutator

import hepy


def depths(found):
    counts = dict.fromkeys(wire_harness.DEPTHS, 0)
    for (depth, _), times in found.items():
        counts[depth] += times
    return counts


def test_thousands_of_inputs_reach_every_depth():
    """A sequence of its own each day would not replay; one that never changes finds nothing. See the slow test."""
    count = 2500
    found = wire_harness.run(count, seed=3)
    assert min(depths(found).values()) > 0.1 * count
    read = {outcome for (depth, outcome) in found if depth == "read"}
    assert read == {
        "read paillier CiphertextArray", "read paillier PublicKey", "read paillier PrivateKey", "read paillier Proof",
        "read paillier PrivateKey under a password", "read ckks CiphertextArray", "read ckks PublicContext",
        "read ckks Context", "read ckks Context under a password", "read a stream",
    }  # fmt: skip
    assert len(found) > 60  # distinct refusals


@pytest.mark.slow
def test_many_inputs_never_tried_before():
    seed = int.from_bytes(os.urandom(6), "little")
    print(f"seed {seed}")  # noqa: T201  # shown when it fails
    assert min(depths(wire_harness.run(200_000, seed)).values()) > 10_000


def test_the_corpus_replays_within_bounds():
    paths = sorted(wire_harness.CORPUS.iterdir())
    assert len(paths) > 60
    with wire_harness.QuickPasswords():
        reached = {wire_harness.bounded(path.read_bytes())[0] for path in paths}
    assert reached == set(wire_harness.DEPTHS)


def test_the_mutator_is_reproducible():
    first, second = wire_harness.mutator(5), wire_harness.mutator(5)
    assert [first.next() for _ in range(50)] == [second.next() for _ in range(50)]


# That the harness notices what it is there for.


def first_ciphertexts():
    return next(seed for seed in wire_harness.SEEDS if b"paillier.ciphertexts" in seed and len(seed) > 500)


def test_a_crash_is_noticed_and_its_input_named(monkeypatch):
    def crash(*arguments):
        raise IndexError("a bug")

    monkeypatch.setattr("hepy.wire.fields.FieldReader.digest", crash)
    with pytest.raises(AssertionError, match=r"of seed 1 broke the parser: [0-9a-f]+"):
        wire_harness.run(50, seed=1)


def test_a_lax_reader_is_noticed(monkeypatch):
    """Without the comparison with canonical bytes, header tricks are read."""
    monkeypatch.setattr("hepy.wire.container.Container.require", lambda *arguments: None)
    with pytest.raises(AssertionError, match="broke the parser"):
        wire_harness.run(2000, seed=1)


def test_great_memory_is_noticed(monkeypatch):
    digest = hepy.wire.fields.FieldReader.digest

    def waste(self, name):
        bytearray(100 << 20)
        return digest(self, name)

    monkeypatch.setattr("hepy.wire.fields.FieldReader.digest", waste)
    with pytest.raises(AssertionError, match="bytes for an input of"):
        wire_harness.bounded(first_ciphertexts())


def test_much_time_is_noticed(monkeypatch):
    monkeypatch.setattr(wire_harness, "SECONDS", 0.0)
    with pytest.raises(AssertionError, match="s for an input of"):
        wire_harness.bounded(first_ciphertexts())


def test_the_mutator_knows_the_fingerprint_of_a_context_without_hepy():
    maker = wire_harness.mutator(1).ckks
    found = maker.fingerprint(maker.public["parameters"], maker.public_tensors)
    assert found == maker.public["fingerprint"] == wire_harness.CONTEXT.fingerprint


def test_the_mutator_knows_fingerprints_without_hepy():
    for variant, key in wire_harness.KEYS.items():
        assert wire_mutator._fingerprint(variant, key.public_key.n, key.public_key.h) == key.fingerprint

"""Single items beside gmpy2: both sides compute the same, and what is measured is kept."""

import json

import pytest
from click.testing import CliRunner

from hepy import options, paillier
from hepy.benchmarks import ledger, single_items
from hepy.benchmarks.__main__ import main


def value(result):
    """A ciphertext as an integer, whoever made it."""
    if isinstance(result, single_items.Number):
        return int(result.value)
    if isinstance(result, paillier.CiphertextArray):
        result = result.residues
    return int(result.to_ints().item()) if hasattr(result, "to_ints") else int(result)


def test_both_sides_compute_the_same():
    pairs = list(single_items.pairs(512))
    for pair in pairs:
        if pair.operation != "encrypt":
            assert value(pair.ours()) == value(pair.theirs()), pair.operation
    encrypt = next(pair for pair in pairs if pair.operation == "encrypt")
    key = paillier.generate_key(bits=512, seed=bytes(range(32)), insecure=True)
    assert single_items.Textbook(key).decrypt(encrypt.theirs()) == key.decrypt(encrypt.ours()) == 5


def test_numbers_of_another_key_or_exponent_do_not_add():
    key = object()
    for other in (single_items.Number(object(), 1, 0), single_items.Number(key, 1, -1)):
        with pytest.raises(ValueError, match="another"):
            single_items.Number(key, 1, 0) + other


def test_times_are_of_one_call(monkeypatch):
    clock = iter(range(0, 10**6, 3))
    monkeypatch.setattr(single_items.time, "process_time", lambda: next(clock))
    row = single_items.compare(512, single_items.Pair("nothing", lambda: None, lambda: None), rounds=4, seconds=9.0)
    assert row.ours.median == row.theirs.median == 3e6 / 3  # three calls fit a third of nine seconds
    assert row.ratio.median == 1


def test_the_command_keeps_what_it_prints(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(options, "threads", 2)
    arguments = ["singles", "--bits", "512", "--rounds", "2", "--seconds", "0.0003", "--operation", "x + y"]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0 and "x + y" in done.output
    assert options.threads == 2
    (path,) = (tmp_path / ledger.FOLDER).glob("*-singles.json")
    (row,) = ledger.read(path)["singles"]
    assert (row["key_bits"], row["operation"]) == (512, "x + y")
    assert row["ratio"]["low"] <= row["ratio"]["median"] <= row["ratio"]["high"]
    assert json.loads(path.read_text())["parameters"]["rounds"] == 2
    assert ledger.newest_or_none("singles", tmp_path / ledger.FOLDER) == path

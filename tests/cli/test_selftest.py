"""hepy selftest: it passes here, says so on every device, and notices leaves that are wrong."""

import json

import numpy as np
import pytest

import hepy
from hepy import _devices, selftests
from hepy.bigint import Modulus
from hepy.random import chacha20
from hepy.ring import cpu as ring_cpu
from hepy.ring import native as ring_native

VARIANTS = ("djn", "classic", "subgroup")


def spoil(monkeypatch, home, leaf):
    """Flip one bit of the last element that a leaf gives."""
    right = getattr(home, leaf)

    def wrong(self, *arguments, **options):
        out = right(self, *arguments, **options).copy()
        if len(out):
            out[(-1, *(0,) * (out.ndim - 1))] ^= out.dtype.type(1)  # numpy 1 makes a plain 1 wider
        return out

    monkeypatch.setattr(home, leaf, wrong)


def here():
    """The leaves that the host has for big integers."""
    return Modulus(15).kernels(_devices.resolve("cpu"))


def failures(*titles):
    """Names of checks that fail on the CPU, of those whose title starts so."""
    checks = [check for check in selftests.checks(["cpu"]) if check.name.startswith(titles)]
    assert checks
    return [check.name for check in checks if not selftests.run(check).passed]


def test_it_passes_here_on_every_device(shell):
    fields = shell.json("selftest")
    assert fields["passed"], fields
    kinds = ("ChaCha20", "modular", "a new key", *(f"Paillier {variant}" for variant in VARIANTS), "seeded", "messages")
    for device in hepy.devices():
        names = [check["name"] for check in fields["checks"] if check["device"] == device]
        assert [kind for kind in kinds if not any(name.startswith(kind) for name in names)] == []
    titles = {check["name"] for check in fields["checks"] if check["device"] == "cpu"}
    assert {f"Paillier {variant}, {bits} bits" for variant in VARIANTS for bits in (2048, 3072)} <= titles


def test_a_failure_ends_with_code_1_and_says_which(shell, monkeypatch):
    monkeypatch.setattr(selftests, "DIGEST", selftests.DIGEST[::-1])
    result = shell.run("selftest", "--device", "cpu", "--json")
    assert result.exit_code == 1
    failed = [check for check in json.loads(result.stdout)["checks"] if not check["passed"]]
    assert [check["name"] for check in failed] == ["seeded results, kept digest"]
    assert "must not be used" in result.stderr


LEAVES = ("multiply", "add", "subtract", "square", "power", "power_vartime", "inverse", "segment_product",
          "prefix_product", "multi_power_vartime", "load", "store")  # fmt: skip


@pytest.mark.parametrize("leaf", LEAVES)
def test_a_wrong_leaf_of_big_integers_is_noticed(monkeypatch, leaf):
    spoil(monkeypatch, type(here()), leaf)
    assert "modular arithmetic, 4096 bits" in failures("modular arithmetic, 4096")


def test_wrong_powers_of_a_fixed_base_are_noticed(monkeypatch):
    base = here().load(np.array([[3]], np.uint32)), np.array([0])
    spoil(monkeypatch, type(here().fixed_base(base)), "power")
    assert failures("modular arithmetic, 4096", "Paillier djn, 2048", "Paillier subgroup, 2048") == [
        "modular arithmetic, 4096 bits", "Paillier djn, 2048 bits", "Paillier subgroup, 2048 bits",
    ]  # fmt: skip


def test_a_wrong_keystream_is_noticed(monkeypatch):
    spoil(monkeypatch, chacha20.Host, "words")
    assert failures("ChaCha20", "seeded") == ["ChaCha20, vectors of RFC 8439", "seeded results, kept digest"]


def test_a_wrong_leaf_of_rings_is_noticed(monkeypatch):
    spoil(monkeypatch, ring_cpu.Kernels, "multiply")
    assert failures("rings", "CKKS") == ["rings, N = 64", "CKKS, N = 2**13"]


def test_a_device_whose_rings_differ_from_the_host_s_is_noticed(monkeypatch):
    (check,) = (check for check in selftests.checks(["emulator"]) if check.name == "CKKS, the bits of the CPU")
    assert selftests.run(check).passed
    spoil(monkeypatch, ring_native.Kernels, "tensor_product")
    assert selftests.run(check).message == "a seeded result of CKKS differs from the right result"


def test_a_wrong_histogram_is_noticed(monkeypatch):
    right = hepy.paillier.CiphertextArray.segment_sum
    monkeypatch.setattr(hepy.paillier.CiphertextArray, "segment_sum", lambda x, bins, n: right(x, np.flip(bins), n))
    assert failures("Paillier djn, 2048") == ["Paillier djn, 2048 bits"]


def test_an_exception_is_a_failure_with_its_message(monkeypatch):
    def broken(*arguments, **options):
        raise RuntimeError("broken [/red]")

    monkeypatch.setattr(hepy, "loads", broken)
    (check,) = (check for check in selftests.checks(["cpu"]) if check.name.startswith("messages"))
    assert selftests.run(check).message == "RuntimeError: broken [/red]"


def test_failures_are_shown_as_they_are(shell, monkeypatch):
    failed = selftests.Result("a check", "cpu", False, 0.0, "broken [/red]")
    monkeypatch.setattr(selftests, "run", lambda check: failed)
    result = shell.run("selftest", "--device", "cpu")
    assert "FAILED broken [/red]" in result.stdout
    assert result.exit_code == 1


def test_devices_that_are_not_here_are_refused(shell):
    assert "cannot be used here" in shell.refuse("selftest", "--device", "cuda:77")
    assert "there is no device 'abacus'" in shell.refuse("selftest", "--device", "abacus")

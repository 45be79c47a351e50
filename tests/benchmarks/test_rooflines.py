"""Launches as they are noted against those of the emulator, and what limits follow from them."""

import dataclasses
import re
from collections import Counter

import numpy as np
import pytest

from hepy import _devices, ckks, ring
from hepy.benchmarks import instructions, launches, ledger, report, ring_instructions, rooflines, rooflines_report, sass
from hepy.benchmarks.instructions import H100
from hepy.errors import ParameterError

PARAMETERS = ckks.Parameters(log_n=5, depth=4, scale_bits=40, security=None)
_NAMES = {"ct × pt, rescale": ("ct × pt", "rescale")}


def counted(function):
    """Launches on the emulator, by name."""
    native = _devices.resolve("emulator").native
    before = native.launch_counts()
    function()
    after = native.launch_counts()
    return {
        name.removeprefix("ring."): n - before.get(name, 0) for name, n in after.items() if n != before.get(name, 0)
    }


def noted(found):
    return Counter(launch.name.removesuffix("_of_two") for launch in found if launch.name not in ("copy", "array"))


@pytest.fixture(scope="module")
def context():
    with _devices.device("emulator"):
        return ckks.Context(PARAMETERS, rotations=range(1, 9), seed=bytes(32))


@pytest.mark.parametrize("level", [1, 4])
@pytest.mark.parametrize(
    "operations", ["add", "ct × pt, rescale", "multiply", "rotate", "rotate, 8 steps", "encode", "encrypt", "decrypt"]
)
def test_noted_launches_are_those_of_the_emulator(context, operations, level):
    with _devices.device("emulator"):
        x = context.encrypt(np.zeros((2, 16)), level=level, seed=bytes(32))
        plaintext = context.encode(np.zeros((2, 16)), level=level)
        act = {
            "add": lambda: x + x, "ct × pt, rescale": lambda: x * plaintext, "multiply": lambda: x * x,
            "rotate": lambda: x.rotate(1), "rotate, 8 steps": lambda: x.rotate(list(range(1, 9))),
            "encode": lambda: context.encode(np.zeros((2, 16)), level=level), "decrypt": lambda: context.decrypt(x),
            "encrypt": lambda: context.public().encrypt(np.zeros((2, 16)), level=level),
        }[operations]  # fmt: skip
        act()  # keys for the level, and the plaintext's form, are made once
        want = counted(act)
    with launches.noting() as (device, notes):
        made = rooflines.Operations(PARAMETERS, device, notes)
        found = [
            made.launches(name, level, 2)
            for name in rooflines.OPERATIONS + rooflines.WITH_NUMBERS
            if name in _NAMES.get(operations, (operations,))
        ]
    assert sum(map(noted, found), Counter()) == want


@pytest.mark.parametrize("log_n", [12, 13])
def test_every_kernel_is_noted_as_often_as_it_is_launched(log_n):
    """A transform of 2**13 words takes two passes, one of 2**12 slots too."""
    basis = ring.RingBasis(ring.primes(1 << 30, 1 << log_n, 2), 1 << log_n)

    def act(leaves, x, z):
        leaves.intt(leaves.ntt(x, basis), basis)
        leaves.unembed(leaves.embed(z))
        leaves.to_floats(x, basis)

    device = _devices.resolve("emulator")
    arrays = device.asarray(np.zeros((2, 1 << log_n), np.uint32)), device.asarray(np.zeros(1 << log_n - 1, complex))
    want = counted(lambda: act(ring.kernels.kernels(device), *arrays))
    with launches.noting() as (noting, notes):
        act(
            ring.kernels.kernels(noting),
            launches.zeros((2, 1 << log_n), np.uint32),
            launches.zeros(1 << log_n - 1, complex),
        )
        names = Counter(launch.name.removesuffix("_of_two") for launch in notes)
    assert names == want


def test_bytes_and_multiplies_by_hand():
    degree, limbs = 1 << 13, 3
    basis = ring.RingBasis(ring.primes(1 << 30, degree, limbs), degree)
    special = ring.RingBasis(ring.primes(1 << 31, degree, 5), degree)
    row = 4 * degree
    with launches.noting() as (device, notes):
        leaves = ring.kernels.kernels(device)
        x = launches.zeros((2, limbs, degree), np.uint32)
        leaves.add(x, np.broadcast_to(x[:1], x.shape), basis)
        leaves.ntt(x, basis)
        leaves.convert(x, basis, special, True)
        found = list(notes)
    add, columns, rows, convert = found
    assert (add.read, add.written, add.multiplies) == (9 * row, 6 * row, 0)
    assert (columns.read, rows.read) == (6 * row + limbs * 4 * 32, 6 * row + limbs * row)
    assert columns.written == rows.written == 6 * row
    # log2(N) stages of N/2 butterflies with three multiplies each, of which two are wide and count twice.
    assert columns.multiplies + rows.multiplies == 2 * limbs * 13 * degree // 2 * 5
    assert (convert.read, convert.written) == (6 * row, 10 * row)
    # Three multiplies make a y, one its part of the quotient; four terms and two more make a word of the result. All but
    # one of each are wide.
    assert convert.multiplies == 2 * degree * (limbs * 7 + 5 * (8 + 3))


def test_limits():
    launch = launches.Launch("one", 0, 20e6, 10e6, 0, 1)
    assert rooflines.limit(launch) == (30e6 / H100.l2_bandwidth, "L2")
    large = dataclasses.replace(launch, written=60e6)
    assert rooflines.limit(large) == (80e6 / H100.bandwidth, "memory")
    busy = dataclasses.replace(launch, multiplies=1e9)
    assert rooflines.limit(busy) == (1e9 / H100.multiplies, "multiply")
    assert rooflines.total([launch, large, busy]) == pytest.approx(30e6 / 5.5e12 + 80e6 / 3.011e12 + 1e9 / 16.1e12)


def test_the_device_that_takes_notes_is_gone_afterwards():
    with launches.noting():
        assert "notes" in _devices.devices()
    assert "notes" not in _devices.devices()


def test_without_composites_leaves_are_launched():
    with launches.noting(composites=False) as (device, notes):
        made = rooflines.Operations(PARAMETERS, device, notes).launches("multiply", 4, 1)
    names = noted(made)
    assert "tensor_product" not in names
    assert "intt_scaled" not in names
    assert names["multiply"] == 4


LISTING = """
	.section	.text._ZN4ring14convert_kernelILj4ELNS0_6ScaledE0ELNS0_7CentredE1EE,"ax",@progbits
        /*0000*/                   MOV R1, c[0x0][0x28] ;
.L_x_1:
        /*0010*/                   IMAD.WIDE.U32 R2, R4, R5, R2 ;
        /*0020*/                   IADD3 R1, R1, 0x1, RZ ;
        /*0030*/                   STG.E.128 desc[UR4][R2.64], R4 ;
        /*0040*/              @!P3 BRA `(.L_x_1) ;
        /*0050*/                   EXIT ;
"""


def test_counts_are_divided_by_words_stored():
    (code,) = sass.kernels(LISTING).values()
    kernel = ring_instructions.Compiled("multiply", code, 32, 0)
    per_word = ring_instructions.per_word(kernel, launches.Launch("multiply", 0, 1, 1, 1, 1), 13)
    assert per_word == {"MOV": 0.25, "IMAD.WIDE.U32": 0.25, "IADD3": 0.25, "STG.E.128": 0.25, "BRA": 0.25, "EXIT": 0.25}


HALF = "_ZN4hepy4ring47_GLOBAL__N__0b_9_x_cu_00"


@pytest.mark.parametrize(
    ("mangled", "name"),
    [
        ("14inverse_kernelINS0_4TileILj8ELj8ELj1ELj256EEELb0ENS0_15FromOperandKeptEEEvPj", "inverse_kernel<Rows256, false, FromOperandKept>"),
        ("14forward_kernelINS0_4TileILj8ELj16ELj256ELj1EEENS0_10FromResultENS0_5PlainEEEvPj", "forward_kernel<Columns<8>, FromResult, Plain>"),
        ("14forward_kernelINS0_4TileILj8ELj1ELj1ELj0EEENS0_11FromOperandENS0_10PlusScaledEEEvPj", "forward_kernel<Whole<8>, FromOperand, PlusScaled>"),
        ("14convert_kernelILj2ELNS0_6ScaledE0ELNS0_7CentredE1EEEvPjNS0_7OperandE", "convert_kernel<2, Scaled::kNo, Centred::kYes>"),
        ("20inner_product_kernelILj2EEEvPjNS0_12InnerProductE", "inner_product_kernel<2>"),
        ("16recombine_kernelINS1_7ToWordsELb1EEEvT_NS0_7OperandE", "recombine_kernel<ToWords, true>"),
        ("21tensor_product_kernelEPjNS0_7OperandES3_ll", "tensor_product_kernel"),
    ],
)  # fmt: skip
def test_names_as_in_the_sources(mangled, name):
    assert ring_instructions.readable(HALF + mangled) == name


def test_the_instance_of_a_launch():
    def kernel(name):
        return ring_instructions.Compiled(HALF + name, sass.Loop(0, 0), 32, 0)

    turned = "14forward_kernelINS0_4TileILj8ELj8ELj1ELj256EEENS0_11FromOperandENS0_16PlusScaledTurnedEEEvPj"
    scaled = "14forward_kernelINS0_4TileILj8ELj8ELj1ELj256EEENS0_10FromResultENS0_10PlusScaledEEEvPj"
    columns = "14forward_kernelINS0_4TileILj6ELj64ELj256ELj1EEENS0_10FromResultENS0_5PlainEEEvPj"
    kernels = [kernel(name) for name in (turned, scaled, columns)]
    for name, step, want in [
        ("ntt_plus_scaled_turned", 0, columns), ("ntt_plus_scaled_turned", 1, turned), ("ntt_plus_scaled", 1, scaled),
    ]:  # fmt: skip
        found = ring_instructions.instance(launches.Launch(name, step, 1, 1, 1, 1), 14, kernels)
        assert found.name == HALF + want
    launch = launches.Launch("ntt_plus_scaled_turned", 1, 1, 1, 1, 1)
    for known in ([], [*kernels, kernel(turned)]):
        with pytest.raises(ParameterError, match=r"not one: teach ring_instructions\.py"):
            ring_instructions.instance(launch, 14, known)


def test_a_kernel_that_no_launch_runs_is_refused(monkeypatch):
    monkeypatch.setattr(rooflines, "kernels", lambda log_n: [])
    monkeypatch.setattr(rooflines, "variants", lambda log_n: [])
    new = ring_instructions.Compiled(HALF + "18elementwise_kernelINS1_6DivideEEEvPjT_", sass.Loop(0, 0), 32, 0)
    with pytest.raises(ParameterError, match="runs elementwise_kernel<Divide>: add one"):
        ring_instructions.every_instance([new])


def test_every_kernel_of_the_sources_is_in_the_kept_ledger():
    """What a compiler made of them was seen when the ledger was written: kernels, and launchers that nobody noted, are new."""
    folder = instructions.SOURCES / "ring"
    found, _ = rooflines_report.newest()
    sources = "".join(path.read_text() for path in sorted(folder.glob("*.cu*")))
    assert set(re.findall(r"(\w+_kernel)\(", sources)) == {row["instance"].split("<")[0] for row in found["instances"]}
    assert len({row["instance"] for row in found["instances"]}) == found["inventory"]["kernels"]
    assert all(row["pipes"] > 0 and row["spilled_bytes"] == 0 for row in found["instances"])
    headers = "".join((folder / name).read_text() for name in ("ring.hpp", "conversion.hpp"))
    launchers = set(re.findall(r"^void (\w+)\(runtime::Stream", headers, re.MULTILINE))
    assert launchers == {launch.name for launch in rooflines.kernels(13) + rooflines.variants(13)}


def test_loops_of_the_embedding_run_as_often_as_stages_need():
    """A tile of 2^11 numbers by 256 threads: eight of each loop's items a thread, four of a butterfly's, two of two stages'."""

    def loop(inner=(), **own):
        return sass.Loop(0, 0, Counter({key.replace("_", "."): n for key, n in own.items()}), list(inner))

    pairs = loop([loop(DMUL=16, LDS_128=4, STS_128=4)], BAR_SYNC=1)
    entry = loop(
        [loop(LDG_E_128=1, STS_128=1), loop(DMUL=4, STS_128=2), pairs, loop(LDS_128=1, STG_E_128=1)], BAR_SYNC=3
    )
    code = loop([entry])
    for k, each in enumerate([entry, *entry.inner]):
        each.start = k
    for log_n, step, stages in [(12, 0, 11), (16, 0, 7), (16, 1, 8)]:
        trips = ring_instructions._TRIPS["embed"](launches.Launch("embed", step, 1, 1, 0, 0), log_n)
        count = code.weighted(trips)
        assert count["STG.E.128"] == count["LDG.E.128"] == 8
        assert count["DMUL"] == 8 * 2 * stages  # four for two numbers in each stage


def record():
    row = {"operation": "add", "level": 30, "batch": 1, "limbs": 42, "launches": 1, "bytes": 1.0, "multiplies": 0.0,
           "limit": 2.5e-5}  # fmt: skip
    launch = dataclasses.asdict(launches.Launch("ntt", 1, 2e6, 1e6, 3e6, 4)) | {"limit": 1e-6, "by": "L2"}
    kernel = {"kernel": "ntt", "step": 0, "log_n": 13, "words": 2.0**24, "bytes": 2.0**27, "multiplies": 1e8,
              "memory": 4e-5, "l2": 2e-5, "multiplying": 1e-5, "registers": 40, "spilled_bytes": 0, "busiest": "issue",
              "pipes": 3e-5, "multiplies_counted": 2e8, "slots": {}, "instance": "forward_kernel<Columns<5>, Plain>"}  # fmt: skip
    return {
        "schema": 1, "suite": "rings", "started": "2026-01-01T00:00:00+00:00", "seconds": 1.0, "machine": {},
        "source": {"commit": "a" * 40, "dirty": False}, "parameters": dataclasses.asdict(H100), "versions": {"nvcc": "13"},
        "absent": [], "rows": [], "kernels": [kernel], "instances": [kernel], "inventory": {}, "operations": [row],
        "multiply": {"leaves": [launch, launch], "fused": [launch]},
    }  # fmt: skip


def test_a_ledger_and_its_section(tmp_path):
    path = ledger.write(record(), tmp_path)
    found, name = rooflines_report.newest(tmp_path)
    assert name == path.name == "20260101T000000-rings.json"
    text = rooflines_report.section(found, name)
    assert "| 30 | 42 | 25 |" in text
    assert "| ntt, pass 2 | 4 | 2.0 | 1.0 | 3 | 1 | L2 |" in text
    assert "| all |  | 4 | 2 | 6 | 2 | 2 launches |" in text
    assert "| ntt, pass 1 | 8.0 | 6.0 | 11.9 | 40 | 20 | 10 | 30 |  |  |  | issue | 40 | 0 |" in text
    assert "| forward<Columns<5>, Plain> | ntt, pass 1 | 2^13 | 8.0 | 20 | L2 | 30 | 1.50 | issue | 40 | 0 |" in text
    assert rooflines_report.newest(tmp_path / "none") is None
    assert "16.1 T multiplies a second" in report.rooflines_report.section(found, name)

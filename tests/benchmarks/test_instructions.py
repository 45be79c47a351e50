"""The instruction counter: loops of a disassembly, their weights, and what is predicted from them."""

import shutil

import pytest

from hepy.benchmarks import instructions, ledger, predictions, report, sass
from hepy.errors import ParameterError

# A kernel as nvdisasm prints it: a loop in a loop, a forward branch, and the branch to itself at the end.
LISTING = """
	.section	.text.one,"ax",@progbits
.text.one:
        /*0000*/                   MOV R1, c[0x0][0x28] ;
.L_x_1:
        /*0010*/                   IMAD.WIDE.U32 R2, P0, R4, R5, R2 ;
.L_x_0:
        /*0020*/              @!P1 IADD3 R1, R1, 0x1, RZ ;
        /*0030*/                   IMAD.WIDE.U32.X R2, P0, R4, R5, R2, P0 ;
        /*0040*/               @P1 BRA `(.L_x_0) ;
        /*0050*/               @P2 BRA `(.L_x_2) ;
        /*0060*/                   LDS.128 R4, [R8] ;
.L_x_2:
        /*0070*/              @!P3 BRA `(.L_x_1) ;
        /*0080*/                   EXIT ;
.L_x_3:
        /*0090*/                   BRA `(.L_x_3);
	.section	.nv.info.one,"",@"SHT_CUDA_INFO"
	.section	.text.two,"ax",@progbits
        /*0000*/                   EXIT ;
"""


def test_loops_nest_as_backward_branches_do():
    found = sass.kernels(LISTING)
    assert list(found) == ["one", "two"]
    assert found["two"].own == {"EXIT": 1}
    root = found["one"]
    assert root.own == {"MOV": 1, "EXIT": 1, "BRA": 1}
    (outer,) = root.inner
    assert outer.own == {"IMAD.WIDE.U32": 1, "BRA": 2, "LDS.128": 1}
    (inner,) = outer.inner
    assert inner.own == {"IADD3": 1, "IMAD.WIDE.U32.X": 1, "BRA": 1}
    assert outer.count("IMAD") == 1


def test_weights_multiply_along_the_nest():
    root = sass.kernels(LISTING)["one"]
    total = root.weighted(lambda loop: 3 if loop.inner else 10)
    assert total == {"MOV": 1, "EXIT": 1, "BRA": 1 + 3 * (2 + 10), "IMAD.WIDE.U32": 3, "LDS.128": 3, "IADD3": 30,
                     "IMAD.WIDE.U32.X": 30}  # fmt: skip


def test_pipes_are_busy_for_what_their_lanes_need():
    integers = {"IMAD.WIDE.U32.X": 10, "IMAD.MOV": 1, "IADD3.X": 3, "LDS.128": 1, "LDS": 2, "EXIT": 5}
    slots = instructions.busy({**integers, "DMUL": 4, "DADD": 1, "I2F.F64.U64": 2})
    assert slots == {"multiply": 42, "logic": 6, "double": 10, "conversion": 16, "shared": 24, "issue": 29}


def kernel(own, inner=(), **changes):
    """A kernel of two groups of 16 lanes with 8 limbs each, or with changes."""
    shape = {"registers": 96, "spilled_bytes": 0, "shared_bytes": 10_000, "threads": 16, "limbs": 8, "warps": 4}
    root = sass.Loop(0, 100, sass.Counter(own), list(inner))
    return instructions.Compiled(root, **{**shape, **changes})


def rows(count, products, numbers=1):
    """Rows with so many limb products for each limb, and of so many numbers that have a q."""
    shuffles = dict.fromkeys(("SHFL.IDX", "SHFL.DOWN", "IMAD"), count * numbers)
    return sass.Loop(10, 20, sass.Counter({"IMAD.WIDE.U32.X": count * 8 * products, **shuffles}))


def pair_kernel(own, inner=(), **changes):
    """A kernel of four groups of 8 lanes, each lane with 8 limbs of both numbers of a pair."""
    return kernel(own, inner, threads=8, paired=True, **{"limbs": 16, **changes})


def test_rows_of_a_product_run_over_all_limbs():
    product = instructions.Operation("product", 4096, "multiply", "elementwise", 2)
    row = instructions.predict(product, kernel({"EXIT": 1}, [rows(8, 2)]))
    # 128 rows of 16 limb products, 4 slots each, and one more multiplication, 2 slots; 2 items a warp
    assert row["slots"]["multiply"] == 128 * (16 * 4 + 2)
    assert row["rate"] == pytest.approx(2 * 16.1e12 / 32 * 2 / (128 * 66))
    assert row["limit"] == pytest.approx(8.05e12 / (2 * 128**2))
    assert row["share_of_limit"] == pytest.approx(64 / 66, abs=1e-4)


def test_loops_of_a_power_are_told_apart():
    squarings = sass.Loop(40, 50, sass.Counter({"IMAD.WIDE.U32.X": 64 * 8}), [rows(8, 1)])
    windows = sass.Loop(30, 60, sass.Counter({"LDG.E.128": 1}), [squarings, rows(8, 2)])
    table = sass.Loop(21, 29, sass.Counter({"STG.E.128": 1}), [rows(8, 2)])
    batch = sass.Loop(5, 70, sass.Counter({"LDG.E.128": 4}), [table, windows])
    count = instructions.counts(kernel({}, [batch]), {"product": 6, "square": 3, "both": 20})
    assert count["STG.E.128"] == 6
    assert instructions.counts(kernel({}, [batch]), {"product": 2, "table": 6, "square": 3, "both": 20}) == count
    assert count["LDG.E.128"] == 4 + 20
    assert count["IMAD.WIDE.U32.X"] == 6 * 128 * 16 + 20 * (128 * 16 + 3 * (512 + 128 * 8))


def test_instances_are_known_by_their_mangled_names():
    def name(kernel, shape, flag=""):
        return f"_ZN4hepy6bigint12_GLOBAL__N__1{kernel}_kernelINS0_5ShapeI{shape}EE{flag}EEvPjNS0_7OperandEmPKj"

    whole, paired = "Li8ELi16ELi4ELi4ELb0ELi20E", "Li4ELi32ELi3ELi4ELb1ELi36E"
    assert instructions._instance(name("8multiply", whole)) == ("multiply", 4096, None, False)
    assert instructions._instance(name("8multiply", paired)) == ("multiply", 4096, None, True)
    assert instructions._instance(name("3add", whole, "Lb1E")) == ("add", 4096, True, False)
    assert instructions._instance(name("3add", paired, "Lb0E")) == ("add", 4096, False, True)
    made = instructions._compiled(name("8multiply", paired), sass.Loop(0, 0), "Used 146 registers")
    assert (made.threads, made.limbs, made.part, made.number, made.total) == (4, 32, 16, 64, 128)


def test_a_row_of_pairs_takes_q_for_both_numbers():
    product, whole = predictions._product(4096, True), predictions._product(4096)
    row = instructions.predict(product, pair_kernel({"EXIT": 1}, [rows(8, 5, 2)]))
    # 64 rows, each 8 limbs of 5 limb products, and a q for both numbers; 4 pairs a warp
    assert row["slots"]["multiply"] == 64 * (5 * 8 * 4 + 2 * 2)
    limit = instructions.predict(whole, kernel({"EXIT": 1}, [rows(8, 2)], limbs=8))["limit"]
    assert row["limit"] == pytest.approx(8.05e12 / (5 * 64**2))
    assert row["limit"] == pytest.approx(8 / 5 * limit)


def test_loops_of_a_power_of_pairs_are_told_apart():
    squarings = sass.Loop(40, 50, sass.Counter({"LDS.128": 1}), [rows(8, 4, 2)])
    windows = sass.Loop(30, 60, sass.Counter({"LDG.E.128": 1}), [squarings, rows(8, 5, 2)])
    pieces = sass.Loop(11, 19, sass.Counter({"LDS.128": 1}), [rows(8, 5, 2)])
    table = sass.Loop(21, 29, sass.Counter({"ST.E.128": 1}), [rows(8, 5, 2)])
    made = pair_kernel({}, [pieces, table, windows])
    count = instructions.counts(made, {"product": 4, "table": 6, "square": 3, "both": 20})
    assert (count["ST.E.128"], count["LDG.E.128"], count["LDS.128"]) == (6, 20, 4 + 20 * 3)
    assert count["IMAD.WIDE.U32.X"] == 64 * 8 * (5 * (4 + 6 + 20) + 4 * 20 * 3)


def test_single_numbers_in_kernels_for_pairs():
    reduction, product, reduction_of_one = rows(16, 2, 2), rows(8, 2), rows(16, 1)
    joining = sass.Loop(10, 20, sass.Counter({"IMAD.WIDE.U32.X": 4 * 8, "SHFL.DOWN": 4, "STS.128": 1}))
    for loop, each in ((reduction, 2), (product, 2), (reduction_of_one, 1), (joining, 1)):
        count = instructions.counts(pair_kernel({}, [loop]), {})
        assert count["IMAD.WIDE.U32.X"] == each * 8 * 64


def test_divisions_of_indices_are_no_squares():
    moving = sass.Loop(25, 29, sass.Counter({"IMAD.WIDE.U32": 9, "LDG.E": 4, "STS": 4}))
    pieces = sass.Loop(20, 60, sass.Counter({"LDS.128": 1}), [moving, sass.Loop(30, 40, rows(8, 2).own)])
    load = instructions.Operation("into Montgomery form", 4096, "load", "conversion", 2, {"product": 1}, by_words=True)
    row = instructions.predict(load, kernel({}, [pieces]))
    assert row["slots"]["multiply"] == 128 * (16 * 4 + 2) + 4 * 9 * 8 / 4  # four words a trip, of a lane's eight


def test_memory_sets_the_pace_where_it_is_slower():
    add = instructions.Operation("sum", 4096, "add", "elementwise", 0, moved=3)
    row = instructions.predict(add, kernel({"IADD3": 100}))
    assert (row["busiest"], row["share_of_limit"]) == ("memory", 1)
    assert row["rate"] == pytest.approx(3.011e12 / (3 * 512))


def test_loops_that_move_words_run_over_a_lane_s_limbs():
    store = instructions.Operation("least residue", 4096, "store", "conversion", 1, by_words=True)
    reduction = sass.Loop(10, 20, sass.Counter({"IMAD.WIDE.U32.X": 16 * 8, "SHFL.IDX": 16}))
    moving = sass.Loop(30, 40, sass.Counter({"LDS": 2, "STG.E": 2, "ISETP": 3}))
    made = kernel({"EXIT": 1}, [reduction, moving])
    assert instructions.counts(made, store.trips, by_words=True)["ISETP"] == 3 * 8 / 2
    assert instructions.counts(made, store.trips)["ISETP"] == 0


def test_kernels_one_after_the_other_add_their_times():
    product, add = predictions._product(4096), predictions._sum(4096)
    made = {
        instructions.Instance("multiply", 4096): kernel({"EXIT": 1}, [rows(8, 2)]),
        instructions.Instance("add", 4096, False): kernel({"IADD3": 100}),
    }
    fast, slow = (row["rate"] for row in predictions.measure([add, product], made))
    (row,) = predictions.compose([predictions.Composite("both", 2048, ((product, 2), (add, 1)), 1e6)], made)
    assert row["rate"] == pytest.approx(1 / (1 / fast + 2 / slow))
    assert [share for *_, share in row["shares"]] == pytest.approx(
        [2 / slow * row["rate"], row["rate"] / fast], abs=1e-4
    )


def test_the_inventory_shows_every_kernel_and_what_spills():
    made = {
        instructions.Instance("multiply", 4096): kernel({}, registers=94),
        instructions.Instance("multiply", 8192): kernel({}, registers=255, spilled_bytes=48),
        instructions.Instance("add", 4096, True): kernel({}, registers=40),
        instructions.Instance("multiply", 4096, paired=True): pair_kernel({}, registers=146),
    }
    table = predictions._inventory_table(predictions.inventory(made))
    assert table.rows == [
        ["subtract", "", "", "", "40", "", ""],
        ["multiply", "", "", "", "94", "", "255 (48)"],
        ["multiply, pairs", "", "", "", "146", "", ""],
    ]


def test_paillier_rests_on_pairs_alone():
    parts = [operation for each in predictions.PAILLIER for operation, _ in each.parts]
    assert parts and all(operation.paired for operation in parts)
    with pytest.raises(ParameterError, match="no kernel `add` of 4096 bits for pairs was compiled"):
        predictions._kernel(predictions._sum(4096, True), {instructions.Instance("add", 4096, False): kernel({})})


def test_a_kernel_whose_loops_are_not_recognized_is_refused():
    product = instructions.Operation("product", 4096, "multiply", "elementwise", 2)
    with pytest.raises(ParameterError, match="takes 32768 limb products, but 16384 were counted"):
        instructions.predict(product, kernel({}, [rows(8, 1)]))


@pytest.mark.parametrize(
    ("registers", "shared_bytes", "warps", "resident"),
    [(96, 10_000, 4, 20), (128, 10_000, 4, 16), (129, 10_000, 4, 12), (40, 40_000, 4, 20), (32, 1000, 3, 63)],
)
def test_resident_warps(registers, shared_bytes, warps, resident):
    made = kernel({}, registers=registers, shared_bytes=shared_bytes, warps=warps)
    assert made.resident_warps(instructions.H100) == resident


def test_what_is_missing_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(instructions, "SOURCES", tmp_path)
    with pytest.raises(ParameterError, match=r"power\.cu is missing: count instructions in a clone"):
        instructions.compile_source("power", instructions.H100)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(instructions.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ParameterError, match="nvdisasm is missing"):
        instructions._tool("nvdisasm")


def test_the_page_says_what_is_predicted(record, tmp_path):
    shares = [["product", 4096, 0.75], ["sum", 4096, 0.25]]
    counted = {**record, "parameters": {"name": "a GPU"}, "versions": {"nvcc": "Build cuda_13.0"}}
    assert predictions.newest(tmp_path) is None
    ledger.write(counted, tmp_path)
    assert predictions.newest(tmp_path) is None  # of a version that did not predict Paillier
    rates = [{"operation": "encrypt", "bits": 2048, "rate": 3.2e6, "wanted": 2.8e6, "shares": shares}]
    path = ledger.write({**counted, "started": "2027-01-02T03:04:05+00:00", "paillier": rates}, tmp_path)
    made = predictions.newest(tmp_path)
    assert made is not None and made[1] == path.name
    page = report.page(record, "x.json", predicted=made)
    for text in ("## Paillier on GPUs, as predicted", "Rates are predicted", "Build cuda_13.0", path.name,
                 "| encrypt | 2048 | 3.2 M | 2.8 M | product, 4096 bits: 75% |"):  # fmt: skip
        assert text in page, text


@pytest.mark.slow
def test_products_and_squares_meet_their_goal():
    for tool in ("nvcc", "nvdisasm"):
        try:
            instructions._tool(tool)
        except ParameterError:
            pytest.skip(f"{tool} is not installed")
    wanted = [each for each in predictions.OPERATIONS if each.kernel in ("multiply", "square") and each.bits > 1024]
    for row in predictions.measure(wanted, predictions.compiled(["elementwise"])):
        assert row["spilled_bytes"] == 0, row["operation"]
        assert row["share_of_limit"] > 0.8, row["operation"]

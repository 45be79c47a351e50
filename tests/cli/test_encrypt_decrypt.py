"""hepy encrypt and decrypt: tables there and back in every format, and what is refused."""

import csv

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import hepy


def write_csv(path, *rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def there_and_back(shell, source, target, *options, key="key.public.hepy"):
    """Encrypt a file, decrypt it again; returns what encrypt said."""
    said = shell.json("encrypt", source, "x.hepy", "--key", key, "--force", *options)
    shell.succeed("decrypt", "x.hepy", target, "--key", "key.hepy", "--force")
    return said


@pytest.mark.parametrize("key", ["key.public.hepy", "key.hepy"])
def test_integers_of_a_csv_come_back_exactly(keyed, key):
    write_csv(keyed.folder / "in.csv", ["age", "debt"], [31, -5], [7, 2**63 - 1])
    said = there_and_back(keyed, "in.csv", "out.csv", key=key)
    assert said["shape"] == [2, 2]
    assert (said["type"], said["scale_bits"], said["columns"]) == ("integers", 0, ["age", "debt"])
    assert (keyed.folder / "out.csv").read_text() == f"31,-5\n7,{2**63 - 1}\n"


def test_integers_beyond_64_bits_come_back_exactly(keyed):
    write_csv(keyed.folder / "in.csv", ["n"], [2**70], [-(2**69) - 1])
    there_and_back(keyed, "in.csv", "out.csv", "--value-bits", "71")
    assert (keyed.folder / "out.csv").read_text() == f"{2**70}\n{-(2**69) - 1}\n"
    assert "write .csv" in keyed.refuse("decrypt", "x.hepy", "out.npy", "--key", "key.hepy")
    assert not (keyed.folder / "out.npy").exists()


def test_fractions_keep_the_asked_bits(keyed):
    write_csv(keyed.folder / "in.csv", ["0.1"], ["2"], ["-3.5e-2"])
    said = there_and_back(keyed, "in.csv", "out.npy", "--scale-bits", "52", "--value-bits", "60")
    assert (said["type"], said["scale_bits"], said["columns"]) == ("floats", 52, None)
    assert np.abs(np.load("out.npy").ravel() - [0.1, 2, -0.035]).max() <= 2.0**-53


def test_a_header_of_numbers_is_said_to_be_one(keyed):
    write_csv(keyed.folder / "in.csv", ["2020", "2021"], [5, 6])
    assert there_and_back(keyed, "in.csv", "out.csv")["shape"] == [2, 2]
    assert there_and_back(keyed, "in.csv", "out.csv", "--header", "--columns", "2021")["columns"] == ["2021"]
    assert (keyed.folder / "out.csv").read_text() == "6\n"


def test_long_tables_are_read_in_blocks(keyed, monkeypatch):
    from hepy.cli import csv_tables

    monkeypatch.setattr(csv_tables, "_ROWS_AT_ONCE", 2)
    write_csv(keyed.folder / "in.csv", ["a", "b"], [1, 2], [3, 4], [5, 0.5], [7, 8], [-9, 10])
    assert there_and_back(keyed, "in.csv", "out.npy")["type"] == "floats"
    assert np.load("out.npy").tolist() == [[1, 2], [3, 4], [5, 0.5], [7, 8], [-9, 10]]
    write_csv(keyed.folder / "in.csv", ["a"], [1], [2], [2**64 - 1], [2])
    there_and_back(keyed, "in.csv", "out.csv")
    assert (keyed.folder / "out.csv").read_text() == f"1\n2\n{2**64 - 1}\n2\n"
    write_csv(keyed.folder / "in.csv", ["a"], [2**53 + 1], [2], [0.5])
    assert "row 1, column 'a' is an integer" in keyed.refuse("encrypt", "in.csv", "y.hepy", "--key", "key.hepy")


def test_unsigned_integers_of_a_parquet_file_stay_exact(keyed):
    pq.write_table(pa.table({"x": pa.array([2**64 - 1, 0], pa.uint64()), "y": [-1, 2]}), "in.parquet")
    there_and_back(keyed, "in.parquet", "out.csv")
    assert (keyed.folder / "out.csv").read_text() == f"{2**64 - 1},-1\n0,2\n"


def test_arrays_of_any_shape_travel_as_npy(keyed):
    values = np.arange(-4, 8, dtype=np.int32).reshape(3, 2, 2)
    np.save("in.npy", values)
    there_and_back(keyed, "in.npy", "out.npy")
    assert (np.load("out.npy") == values).all()
    assert "write .npy" in keyed.refuse("decrypt", "x.hepy", "out.csv", "--key", "key.hepy")


def test_a_scalar_and_an_empty_array(keyed):
    for values in (np.int64(5), np.zeros((0, 3), np.int64)):
        np.save("in.npy", values)
        there_and_back(keyed, "in.npy", "out.npy")
        assert np.load("out.npy").tolist() == values.tolist()


def test_parquet_columns_chosen_by_name(keyed):
    table = pa.table({"name": ["a", "b"], "x": [1, 2], "y": [0.5, -0.25], "flag": [True, False]})
    pq.write_table(table, "in.parquet")
    assert "'name'" in keyed.refuse("encrypt", "in.parquet", "x.hepy", "--key", "key.public.hepy")
    said = there_and_back(keyed, "in.parquet", "out.parquet", "--columns", "y, x, flag")
    assert said["columns"] == ["y", "x", "flag"]
    back = pq.read_table("out.parquet")
    assert back.column_names == ["column_1", "column_2", "column_3"]
    assert np.stack(back.columns, axis=1).tolist() == [[0.5, 1.0, 1.0], [-0.25, 2.0, 0.0]]


def test_names_can_be_given_to_what_is_decrypted(keyed):
    write_csv(keyed.folder / "in.csv", ["1", "2"])
    keyed.succeed("encrypt", "in.csv", "x.hepy", "--key", "key.public.hepy")
    keyed.succeed("decrypt", "x.hepy", "out.csv", "--key", "key.hepy", "--columns", "a,b")
    assert (keyed.folder / "out.csv").read_text() == "a,b\n1,2\n"
    assert "1 names" in keyed.refuse("decrypt", "x.hepy", "more.csv", "--key", "key.hepy", "--columns", "a")
    assert "has none" in keyed.refuse("decrypt", "x.hepy", "more.npy", "--key", "key.hepy", "--columns", "a,b")


def test_packed_sums_get_an_axis_of_fields(keyed):
    key = hepy.load("key.public.hepy")
    packed = hepy.paillier.pack([1, 2], [0.5, -1.0], field_bits=(20, 80), value_bits=(10, 60))
    hepy.save(key.encrypt(packed), "x.hepy")
    keyed.succeed("decrypt", "x.hepy", "out.csv", "--key", "key.hepy")
    assert (keyed.folder / "out.csv").read_text() == "1,0.5\n2,-1.0\n"
    keyed.succeed("decrypt", "x.hepy", "out.csv", "--key", "key.hepy", "--columns", "g,h", "--force")
    assert (keyed.folder / "out.csv").read_text() == "g,h\n1,0.5\n2,-1.0\n"


def test_a_sealed_key_asks_for_its_password(shell):
    shell.succeed("keygen", "key.hepy", "--bits", "512", "--insecure", input="pass\npass\n")
    write_csv(shell.folder / "in.csv", ["7"])
    shell.succeed("encrypt", "in.csv", "x.hepy", "--key", "key.public.hepy")
    shell.succeed("decrypt", "x.hepy", "out.csv", "--key", "key.hepy", input="pass\n")
    assert "password is wrong" in shell.refuse("decrypt", "x.hepy", "y.csv", "--key", "key.hepy", input="past\n")


def test_many_rows_are_encrypted_in_steps(keyed, monkeypatch):
    from hepy.cli import data

    monkeypatch.setattr(data, "_AT_ONCE", 3)
    np.save("in.npy", np.arange(10))
    there_and_back(keyed, "in.npy", "out.npy")
    assert np.load("out.npy").tolist() == list(range(10))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("a,b\n1\n", "row 1 has 1 cells"),
        ("\n\n", "is empty"),
        ("a,b\n1,\n", "row 1, column 'b' is empty"),
        ("a,b\n1,x\n", "row 1 has no number in column 'b'"),
        ("a,b,c\n1,2,3\nx,2,y\n", "row 2 has no number in column 'a', column 'c'"),
        ("a\n1_000\n", "row 1 has no number in column 'a'"),
        ("a\n\u0663\n", "row 1 has no number in column 'a'"),
        ("a\n1\n\n2\n", "line 3 is empty, and rows follow"),
        ("1,,3\n1,2,3\n", "say --header if"),
        ("year,2020\n1,2\n", "say --header if"),
        (f"a,b\n1,2\n{2**53 + 1},0.5\n", "row 2, column 'a' is an integer that float64 does not hold"),
        (f"a,b\n1,{10**400}\n0.5,1\n", "row 1, column 'b' is an integer that float64 does not hold"),
        ("a,b\n1,2,3\n", "row 1 has 3 cells and the first row of the file 2"),
        ("1,2\n3,nan\n", "row 2, column 2 is not a number"),
        ("1.5\n-inf\n", "row 2, column 1 is infinite"),
        ('"1\n', "no CSV"),
    ],
)
def test_bad_csv_names_the_place(keyed, content, says):
    (keyed.folder / "in.csv").write_text(content)
    assert says in keyed.refuse("encrypt", "in.csv", "x.hepy", "--key", "key.public.hepy")
    assert not (keyed.folder / "x.hepy").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("in.csv", "x.hepy", "--key", "in.csv"), "header"),
        (("in.csv", "x.hepy", "--key", "missing"), "missing: No such file"),
        (("in.txt", "x.hepy", "--key", "key.public.hepy"), "none of .csv, .npy, .parquet"),
        (("missing.npy", "x.hepy", "--key", "key.public.hepy"), "missing.npy: No such file"),
        (("missing.parquet", "x.hepy", "--key", "key.public.hepy"), "missing.parquet: No such file"),
        (("in.csv", "x.hepy", "--key", "key.public.hepy", "--columns", "z"), "no column 'z'"),
        (("in.csv", "x.hepy", "--key", "key.public.hepy", "--value-bits", "2"), "exceeds its declared bound"),
        (("in.csv", "x.hepy", "--key", "key.public.hepy", "--scale-bits", "-1"), "scale_bits"),
        (("in.csv", "x.hepy", "--key", "key.public.hepy", "--device", "cuda:77"), "cannot be used here"),
        (("in.csv", "key.hepy", "--key", "key.public.hepy"), "is there already"),
        (("bad.npy", "x.hepy", "--key", "key.public.hepy"), "no npy file of numbers"),
        (("text.npy", "x.hepy", "--key", "key.public.hepy"), "integers or floats are needed"),
        (("in.npy", "x.hepy", "--key", "key.public.hepy", "--columns", "a"), "has no names"),
        (("in.npy", "x.hepy", "--key", "key.public.hepy", "--no-header"), "is no CSV file"),
        (("twice.csv", "x.hepy", "--key", "key.public.hepy", "--columns", "a"), "has several columns 'a'"),
        (("in.csv", "nowhere/x.hepy", "--key", "key.public.hepy"), "nowhere: there is no such folder"),
        (("mixed.parquet", "x.hepy", "--key", "key.public.hepy"), "row 2, column 'x' is an integer that float64"),
        (("none.parquet", "x.hepy", "--key", "key.public.hepy"), "has no columns"),
        (("bad.parquet", "x.hepy", "--key", "key.public.hepy"), "no Parquet file"),
        (("null.parquet", "x.hepy", "--key", "key.public.hepy"), "row 2, column 'x' is empty"),
    ],
)
def test_encrypt_refuses(keyed, arguments, says):
    write_csv(keyed.folder / "in.csv", ["a"], [1000])
    np.save("in.npy", np.arange(3))
    np.save("text.npy", np.array(["a"]))
    (keyed.folder / "bad.npy").write_bytes(b"\x93NUMPY")
    (keyed.folder / "bad.parquet").write_bytes(b"PAR1")
    pq.write_table(pa.table({"x": [1, None]}), "null.parquet")
    pq.write_table(pa.table({"y": [0.5, 1.0], "x": [1, 2**63 - 1]}), "mixed.parquet")
    pq.write_table(pa.table({}), "none.parquet")
    write_csv(keyed.folder / "twice.csv", ["a", "a"], [1, 2])
    assert says in keyed.refuse("encrypt", *arguments)
    assert not (keyed.folder / "x.hepy").exists()


def test_pickled_arrays_are_never_read(keyed):
    np.save("in.npy", np.array([{}], dtype=object), allow_pickle=True)
    assert "no npy file of numbers" in keyed.refuse("encrypt", "in.npy", "x.hepy", "--key", "key.public.hepy")


def test_decrypt_refuses(keyed):
    np.save("in.npy", np.arange(3))
    keyed.succeed("encrypt", "in.npy", "x.hepy", "--key", "key.public.hepy")
    assert "is a public key" in keyed.refuse("decrypt", "x.hepy", "out.npy", "--key", "key.public.hepy")
    assert "none of .csv" in keyed.refuse("decrypt", "x.hepy", "out.txt", "--key", "key.hepy")
    assert "not a key" in keyed.refuse("decrypt", "x.hepy", "out.npy", "--key", "x.hepy")
    keyed.succeed("keygen", "other.hepy", "--bits", "512", "--insecure", "--unencrypted")
    assert "own key" in keyed.refuse("decrypt", "x.hepy", "out.npy", "--key", "other.hepy")
    (keyed.folder / "cut.hepy").write_bytes((keyed.folder / "x.hepy").read_bytes()[:-1])
    assert "describes" in keyed.refuse("decrypt", "cut.hepy", "out.npy", "--key", "key.hepy")
    assert not (keyed.folder / "out.npy").exists()


def test_parquet_without_pyarrow_names_the_extra(keyed, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert "hepy-engine[parquet]" in keyed.refuse("encrypt", "in.parquet", "x.hepy", "--key", "key.public.hepy")

"""Verdicts and the page that tells them."""

from hepy.benchmarks import report, targets


def verdicts(record):
    return {(v.what, v.against): v for v in targets.judge(record)}


def test_default_encryption_is_held_against_phe_and_fate(record):
    found = verdicts(record)
    against_phe = found["encrypt (djn, vartime)", "phe"]
    assert against_phe.wanted == 10 and against_phe.got.median == 11 and against_phe.met and against_phe.certain
    against_fate = found["encrypt (djn, vartime)", "fate_utils"]
    assert against_fate.got.median == 10 and str(against_fate) == "met, within noise"


def test_other_rows_are_held_against_the_loop(record):
    verdict = verdicts(record)["add (djn, vartime)", "gmpy2 djn"]
    assert verdict.wanted == 0.9 and not verdict.met and str(verdict) == "not met"


def test_the_loop_compared_with_has_the_same_variant_and_timing(record, make_row):
    record["rows"].append(make_row("hepy cpu classic", "decrypt", [90.0], variant="classic"))
    record["rows"].append(make_row("gmpy2 djn", "decrypt", [10.0]))
    assert not any("decrypt" in what for what, _ in verdicts(record))
    record["rows"].append(make_row("gmpy2 classic", "decrypt", [95.0], variant="classic"))
    assert verdicts(record)["decrypt (classic, vartime)", "gmpy2 classic"].met


def test_idle_cores_are_noticed(record, make_row):
    record["rows"].append(make_row("hepy cpu djn", "sum", [1.0], threads="all", cores_used=1.2))
    assert not verdicts(record)["sum (djn, vartime)", "2 busy cores"].met


def test_working_memory_has_an_upper_bound(record):
    assert verdicts(record)["add", "result"].met
    record["memory"][0]["share"] = 0.3
    assert not verdicts(record)["add", "result"].met


def test_the_page_names_what_a_reader_needs(record):
    page = report.page(record, "20260102T030405.json")
    for text in ("A processor", "0123456789ab", "2048 bits, one core", "hepy cpu", "constant_time", "20260102T030405.json",
                 "phe 1.5.0", "refuses / such keys", "112", "not met", "load before 0.25"):  # fmt: skip
        assert text in page, text


def test_every_table_of_the_page_has_rows_of_equal_length(record):
    lengths = None
    for line in report.page(record, "x.json").splitlines():
        cells = line.count("|")
        if not line.startswith("|"):
            lengths = None
        elif lengths is None:
            lengths = cells
        else:
            assert cells == lengths, line


def test_show_prints_figures_and_verdicts(record, capsys):
    report.show(record)
    out = capsys.readouterr().out
    assert "Items a second, 2048 bits, one core" in out and "not met" in out and "ipcl" in out

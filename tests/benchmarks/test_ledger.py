"""The ledger: what is written is read back, and nothing else is."""

import json

import pytest

from hepy.benchmarks import ledger
from hepy.errors import ParameterError, WireFormatError


def test_a_record_comes_back(record, tmp_path):
    path = ledger.write(record, tmp_path)
    assert ledger.read(path) == record
    assert ledger.newest(tmp_path) == path


def test_a_run_is_never_written_over(record, tmp_path):
    ledger.write(record, tmp_path)
    with pytest.raises(ParameterError, match="never written twice"):
        ledger.write(record, tmp_path)


def test_a_figure_changed_by_hand_is_found(record, tmp_path):
    path = ledger.write(record, tmp_path)
    content = json.loads(path.read_text())
    content["rows"][0]["median"] *= 2
    path.write_text(json.dumps(content))
    with pytest.raises(WireFormatError, match="changed after it was written"):
        ledger.read(path)


@pytest.mark.parametrize("name", ["machine", "rows", "absent", "versions", "memory", "source"])
def test_every_part_is_needed(record, name, tmp_path):
    del record[name]
    with pytest.raises(WireFormatError, match=name):
        ledger.write(record, tmp_path)


def test_a_row_without_its_timing_mode_is_refused(record, tmp_path):
    del record["rows"][0]["timing"]
    with pytest.raises(WireFormatError, match="lacks timing"):
        ledger.write(record, tmp_path)


def test_what_is_no_ledger_is_refused(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("not json")
    with pytest.raises(WireFormatError, match="not JSON"):
        ledger.read(path)
    path.write_text('{"schema": 99}')
    with pytest.raises(WireFormatError, match="no ledger of version"):
        ledger.read(path)


def test_an_empty_folder_says_what_to_run(tmp_path):
    with pytest.raises(ParameterError, match=r"hepy\.benchmarks run"):
        ledger.newest(tmp_path)

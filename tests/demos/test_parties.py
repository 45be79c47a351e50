"""Parties that die, or whose parent dies: the other ends with a clear error, and no process stays."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hepy.demos.joint_modeling import boosting, data, encrypted, parties
from hepy.errors import HepyError

MANY = boosting.Parameters(trees=500, depth=2)


@pytest.fixture
def started(monkeypatch):
    """The parties that were started, by role."""
    out = {}

    class Seen(parties.Party):
        def __init__(self, role, *arguments):
            super().__init__(role, *arguments)
            out[role] = self.process

    monkeypatch.setattr(parties, "Party", Seen)
    return out


def train(folder, after_tree, key_bits=512):
    customers = data.load(150)
    train_rows = data.stratified_folds(customers.labels, 5, 0) != 0
    encrypted.train_encrypted(
        customers, train_rows, MANY, Path(folder), seed=0, key_bits=key_bits, device="cpu", after_tree=after_tree
    )


def gone(process):
    """Whether the process has ended and its status was taken, so that no zombie is left."""
    return process.returncode is not None and not Path(f"/proc/{process.pid}").exists()


@pytest.mark.parametrize(("victim", "survivor"), [("bank", "partner"), ("partner", "bank")])
def test_the_death_of_one_ends_the_other_with_a_reason(tmp_path, started, victim, survivor):
    with pytest.raises(parties.PartyError) as caught:
        train(tmp_path, lambda trees: os.kill(started[victim].pid, signal.SIGKILL) if trees == 1 else None)
    message = str(caught.value)
    assert message.index(f"the {victim}'s process ended with status -9") == 0
    assert f"the {survivor} reports:" in message
    assert (
        "the other party closed the connection" in message or "the other party is gone" in message or "broke" in message
    )
    assert gone(started["bank"])
    assert gone(started["partner"])


def test_an_interrupt_leaves_no_process(tmp_path, started):
    def interrupt(trees):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, interrupt)
    assert gone(started["bank"])
    assert gone(started["partner"])


def test_a_party_that_cannot_begin_says_why(tmp_path, started):
    with pytest.raises(parties.PartyError, match=r"^the bank reports: keys have .*; the partner reports"):
        train(tmp_path, lambda trees: None, key_bits=100)
    assert gone(started["bank"])
    assert gone(started["partner"])


ORPHAN = """
import queue, sys
from pathlib import Path
from hepy.demos.joint_modeling import parties, party
folder = Path(sys.argv[1])
party.Configuration("cpu", False, seed=0).write(folder)
events = queue.Queue()
partner = parties.Party("partner", folder, events)
partner.tell(token="00" * 32)
events.get()  # it listens now, and would for a minute
print(partner.process.pid, flush=True)
partner.process.wait()
"""


def test_a_party_ends_when_its_parent_is_killed(tmp_path):
    with subprocess.Popen([sys.executable, "-c", ORPHAN, tmp_path], stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.kill()
    until = time.monotonic() + 10
    while alive(pid):
        assert time.monotonic() < until, "the party outlived the process that started it"
        time.sleep(0.02)


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # without init, nobody takes an orphan's status


def test_a_folder_that_is_not_ours_is_left_alone(tmp_path):
    (tmp_path / "bank").mkdir()
    (tmp_path / "bank" / "thesis.txt").write_text("years of work")
    with pytest.raises(HepyError, match="choose another output folder"):
        train(tmp_path, lambda trees: None)
    assert (tmp_path / "bank" / "thesis.txt").read_text() == "years of work"


def test_different_trees_are_an_error(tmp_path, monkeypatch):
    real = encrypted.train_fold

    def other(customers, train_rows, parameters, joint_seed):
        return real(customers, train_rows, boosting.Parameters(trees=1, depth=2, ridge=1.0000001), joint_seed)

    monkeypatch.setattr(encrypted, "train_fold", other)
    monkeypatch.setattr(sys.modules[__name__], "MANY", boosting.Parameters(trees=1, depth=2))
    with pytest.raises(HepyError, match="differ from those of the clear run"):
        train(tmp_path, lambda trees: None)


def test_different_records_are_an_error():
    message = {"kind": "ask", "bytes": 20, "sha256": "00"}
    bank = {"messages": [{**message, "direction": "sent"}]}
    encrypted._check_records(bank, {"messages": [{**message, "direction": "received"}]})
    with pytest.raises(HepyError, match="records of their messages differ"):
        encrypted._check_records(bank, {"messages": [{**message, "direction": "received", "sha256": "01"}]})

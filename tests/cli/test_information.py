"""hepy info, describe, selftest, demo: what they say, and that a broken installation is noticed."""

import json
import subprocess
import sys

import pytest

import hepy
from hepy import selftests
from hepy.bigint import cpu_gmpy2


def test_info_names_every_device_or_why_not(shell):
    fields = shell.json("info")
    assert fields["devices"].keys() == set(hepy.devices())
    assert {"cpu", "emulator", "cuda"} <= {n.split(":")[0] for n in fields["devices"]} | fields["unavailable"].keys()
    assert all(fields["unavailable"].values())
    assert fields["libraries"]["numpy"]
    assert "device cpu" in shell.succeed("info")


def test_describe_says_what_a_file_reveals(keyed):
    fields = keyed.json("describe", "key.public.hepy")
    assert fields["kind"] == "paillier.public_key"
    assert fields["fingerprint"] == hepy.load("key.public.hepy").fingerprint
    assert fields["fingerprint"] in keyed.succeed("describe", "key.public.hepy")
    (keyed.folder / "junk").write_bytes(b"junk")
    assert "header" in keyed.refuse("describe", "junk")
    assert "missing: No such file" in keyed.refuse("describe", "missing")


def test_selftest_passes_here(shell):
    fields = shell.json("selftest")
    assert fields["passed"]
    assert {check["device"] for check in fields["checks"]} == set(hepy.devices())
    assert len(fields["checks"]) == 7 * len(hepy.devices())


@pytest.mark.parametrize(("leaf", "fails"), [("segment_product", "Paillier djn"), ("store", "seeded results")])
def test_selftest_notices_a_wrong_leaf(shell, monkeypatch, leaf, fails):
    right = getattr(cpu_gmpy2.Kernels, leaf)

    def wrong(self, *arguments):
        out = right(self, *arguments)
        if len(out):
            out[-1, 0] ^= 1
        return out

    monkeypatch.setattr(cpu_gmpy2.Kernels, leaf, wrong)
    result = shell.run("selftest", "--device", "cpu", "--json")
    assert result.exit_code == 1
    failed = [check["name"] for check in json.loads(result.stdout)["checks"] if not check["passed"]]
    assert any(name.startswith(fails) for name in failed)
    assert "must not be used" in result.stderr


def test_selftest_refuses_devices_that_are_not_here(shell):
    assert "cannot be used here" in shell.refuse("selftest", "--device", "cuda:77")
    assert "there is no device 'abacus'" in shell.refuse("selftest", "--device", "abacus")


def test_the_kept_digest_is_that_of_the_cpu():
    with hepy.device("cpu"):
        assert selftests.seeded_digest() == selftests.DIGEST


def test_quiet_says_nothing(keyed):
    for command in (
        ["info"],
        ["describe", "key.hepy"],
        ["keygen", "k.hepy", "--bits", "512", "--insecure", "--unencrypted"],
    ):
        assert keyed.succeed(*command, "--quiet") == ""


def test_the_command_as_users_start_it(tmp_path):
    def hepy_command(*arguments):
        call = [sys.executable, "-c", "from hepy.cli import main; main()", *arguments]
        return subprocess.run(call, capture_output=True, text=True, cwd=tmp_path)

    assert hepy_command("--version").stdout.startswith("hepy, version")
    failed = hepy_command("describe", "missing")
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr == "Error: missing: No such file or directory\n"
    assert hepy_command("no-such-command").returncode == 2


def test_demo_hands_its_options_on_and_gives_the_summary(shell, monkeypatch):
    from hepy.demos import joint_modeling

    asked = {}

    def run(**arguments):
        asked.update(arguments)
        return joint_modeling.Outcome({"trees": 1}, shell.folder / "report.html")

    monkeypatch.setattr(joint_modeling, "run", run)
    summary = shell.json("demo", "--samples", "150", "--key-bits", "512", "--trees", "1", "--full", "--seed", "7")
    assert summary == {"report": str(shell.folder / "report.html"), "trees": 1}
    wanted = {"samples": 150, "key_bits": 512, "trees": 1, "full": True, "seed": 7, "device": "cpu", "console": None}
    assert {name: asked[name] for name in wanted} == wanted


def test_demo_refuses_what_the_demo_refuses(shell):
    assert "bits" in shell.refuse("demo", "--key-bits", "3")

"""hepy info, describe and demo: what they say, and how the command ends."""

import subprocess
import sys

import hepy
from hepy import _devices
from hepy._host import engines


def test_info_names_every_device_or_why_not(shell):
    fields = shell.json("info")
    assert fields["devices"].keys() == set(hepy.devices())
    assert {"cpu", "emulator", "cuda"} <= {n.split(":")[0] for n in fields["devices"]} | fields["unavailable"].keys()
    assert all(fields["unavailable"].values())
    assert fields["libraries"]["numpy"]
    assert all(about["kernels"] == {"big integers": True, "rings": True} for about in fields["devices"].values())
    assert "usable for big integers and rings" in shell.succeed("info")
    assert "device cpu" in shell.succeed("info")


def test_info_shows_reasons_as_they_are(shell, monkeypatch):
    reason = "CuPy is missing: install hepy-engine[cuda12] or hepy-engine[cuda13] :smile:"
    monkeypatch.setattr(_devices, "unavailable", lambda: {"cuda": reason})
    assert f"device cuda not usable: {reason} engine" in " ".join(shell.succeed("info").split())


def test_info_says_which_engine_runs_and_why(shell, monkeypatch):
    fields = shell.json("info")
    assert fields["engine"]["name"] == engines.usable()[0]
    assert fields["engine"]["chosen_by"].startswith("the fastest that runs here")
    assert {name for name, engine in fields["engines"].items() if engine["missing"] is None} == {*engines.usable()}
    monkeypatch.setattr(hepy.options, "engine", "gmpy2")
    said = " ".join(shell.succeed("info").split())
    assert "gmpy2: rows of 64-bit limbs, GMP's functions in numba's loops (options.engine)" in said


def test_describe_says_what_a_file_reveals(keyed):
    fields = keyed.json("describe", "key.public.hepy")
    assert fields["kind"] == "paillier.public_key"
    assert fields["fingerprint"] == hepy.load("key.public.hepy").fingerprint
    assert fields["fingerprint"] in keyed.succeed("describe", "key.public.hepy")
    (keyed.folder / "junk").write_bytes(b"junk")
    assert "header" in keyed.refuse("describe", "junk")
    assert "missing: No such file" in keyed.refuse("describe", "missing")


def test_long_lines_are_not_wrapped(keyed):
    folder = "very-long-name-" * 6 + "[red]:smile:"
    (keyed.folder / folder).mkdir()
    said = keyed.succeed("keygen", f"{folder}/key.hepy", "--bits", "512", "--insecure", "--unencrypted")
    assert f"{folder}/key.public.hepy\n" in said


def test_quiet_says_nothing(keyed):
    for command in (
        ["info"],
        ["describe", "key.hepy"],
        ["keygen", "k.hepy", "--bits", "512", "--insecure", "--unencrypted"],
    ):
        assert keyed.succeed(*command, "--quiet") == ""


def test_the_command_as_users_start_it(tmp_path):
    def hepy_command(*arguments):
        call = [sys.executable, "-m", "hepy", *arguments]
        return subprocess.run(call, capture_output=True, text=True, cwd=tmp_path)

    assert hepy_command("--version").stdout.startswith("hepy, version")
    assert hepy_command("keygen", "--help").returncode == 0
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

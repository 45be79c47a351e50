"""A small record of a run, made up."""

import pytest


def make_row(engine, operation, rates, *, library=None, variant="djn", timing="vartime", threads="one", cores_used=1.0):
    """A row of the ledger with these rates."""
    ordered = sorted(rates)
    return {
        "engine": engine,
        "library": library or engine.split()[0],
        "device": "cpu",
        "variant": variant,
        "timing": timing,
        "key_bits": 2048,
        "security_bits": 112,
        "threads": threads,
        "processes": 1,
        "operation": operation,
        "items": 256,
        "repeats": 1,
        "rates": rates,
        "low": ordered[0],
        "median": ordered[len(ordered) // 2],
        "high": ordered[-1],
        "cores_used": cores_used,
    }


@pytest.fixture(name="make_row")
def make_row_fixture():
    return make_row


@pytest.fixture
def record():
    return {
        "schema": 1,
        "started": "2026-01-02T03:04:05+00:00",
        "seconds": 12.5,
        "machine": {
            "processor": "A processor",
            "features": ["adx", "bmi2"],
            "cores": 2,
            "memory_gib": 8.0,
            "system": "Linux x86_64",
            "python": "3.11.0",
            "engine": "mulx",
            "load_before": 0.25,
        },
        "source": {"version": "0.1", "commit": "0123456789abcdef", "dirty": False},
        "parameters": {"preset": "tiny", "rounds": 3},
        "versions": {"phe": {"phe": "1.5.0", "python": "3.11.0"}},
        "absent": [{"engine": "ipcl", "what": "everything at 3072 bits", "reason": "refuses | such keys"}],
        "rows": [
            make_row("hepy cpu djn", "encrypt", [1100.0, 1200.0, 1000.0]),
            make_row("hepy cpu djn", "add", [80.0, 80.0, 80.0]),
            make_row("gmpy2 djn", "encrypt", [200.0, 200.0, 200.0]),
            make_row("gmpy2 djn", "add", [100.0, 100.0, 100.0]),
            make_row("phe", "encrypt", [100.0, 100.0, 100.0], variant="classic"),
            make_row("fate_utils", "encrypt", [150.0, 100.0, 100.0], variant="classic", timing="unstated"),
        ],
        "memory": [
            {"operation": "add", "items": 4, "operands": 2, "result": 1, "working": 0, "of": "result", "share": 0.0}
        ],
    }


def make_ckks_row(engine, operation, rates, *, log_n=13, level=2, batch=1, threads="one", processes=1):
    """A row of the CKKS ledger with these rates."""
    ordered = sorted(rates)
    return {
        "engine": engine,
        "library": engine.split()[0],
        "device": "cpu",
        "log_n": log_n,
        "depth": 2,
        "security_bits": 128,
        "level": level,
        "batch": batch,
        "threads": threads,
        "processes": processes,
        "operation": operation,
        "items": batch,
        "repeats": 1,
        "rates": rates,
        "low": ordered[0],
        "median": ordered[len(ordered) // 2],
        "high": ordered[-1],
        "cores_used": 1.0,
    }


@pytest.fixture(name="make_ckks_row")
def make_ckks_row_fixture():
    return make_ckks_row


@pytest.fixture
def ckks_record(record):
    about = {"log_n": 13, "depth": 2, "security_bits": 128}
    own = {key: value for key, value in record.items() if key != "memory"}
    return own | {
        "suite": "ckks",
        "rows": [
            make_ckks_row("hepy cpu", "multiply", [200.0, 220.0, 210.0]),
            make_ckks_row("hepy cpu", "add", [900.0, 900.0, 900.0]),
            make_ckks_row("openfhe", "multiply", [180.0, 180.0, 180.0]),
            make_ckks_row("seal", "multiply", [100.0, 110.0, 105.0]),
            make_ckks_row("seal", "add", [1000.0, 1000.0, 1000.0]),
            make_ckks_row("hepy cpu", "rotate", [30.0, 30.0, 30.0], log_n=15, level=1, batch=16),
            make_ckks_row("openfhe", "rotate", [25.0, 25.0, 25.0], log_n=15, level=1, batch=16),
        ],
        "precision": [
            {"engine": "hepy cpu", "library": "hepy", "after": "rotate", "bits": [26.0, 26.5, 27.0], **about},
            {"engine": "seal", "library": "seal", "after": "rotate", "bits": [22.0, 22.5, 23.0], **about},
        ],
        "sizes": [
            {"engine": "hepy cpu", "library": "hepy", "object": "ciphertext", "bytes": 2048, **about},
            {"engine": "seal", "library": "seal", "object": "ciphertext", "bytes": 1024, **about},
        ],
        "cold_start": [{"what": "import hepy.ckks", "seconds": 0.5}, {"what": "first", "seconds": 9.0}],
        "notes": {"seal": "first prime of 60 bits"},
    }

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

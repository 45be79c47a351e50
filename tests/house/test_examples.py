"""Every example in a docstring or a page of the documentation runs and prints what it says."""

import doctest
import importlib
import pkgutil
from pathlib import Path

import pytest

import hepy

ROOT = Path(__file__).parents[2]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
# Benchmark workers run under other Pythons, with libraries that are not here; kernels need their device.
APART = ("hepy.benchmarks", "hepy._cpu", "hepy._emulator", "hepy._cuda")

MODULES = ["hepy"] + [
    found.name
    for found in pkgutil.walk_packages(hepy.__path__, "hepy.", onerror=lambda name: None)
    if not found.name.startswith(APART) and not found.name.endswith("__main__")
]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"])


@pytest.mark.parametrize("name", MODULES)
def test_docstrings(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=OPTIONS)
    assert result.failed == 0


@pytest.mark.parametrize("page", [page for page in PAGES if page.exists()], ids=lambda page: page.name)
def test_pages(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert doctest.testfile(str(page), module_relative=False, optionflags=OPTIONS).failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    modules = [importlib.import_module(name) for name in MODULES if name.startswith(("hepy.bigint", "hepy.paillier"))]
    assert sum(len(test.examples) for module in modules for test in finder.find(module)) > 10

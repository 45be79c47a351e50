"""What documentation and comments name (files, pages, headings) is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("src/hepy", "cuda", "cpu", "docs", "tests", "bench", "examples")
FILES = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
FILES += [path for path in ROOT.iterdir() if path.is_file()]
ENDS = {path.relative_to(ROOT).as_posix() for path in FILES}
PAGES = sorted(path for path in FILES if path.suffix == ".md")
SOURCES = sorted(path for path in FILES if path.suffix in {".py", ".cpp", ".hpp", ".cu", ".cuh", ".inc", ".S", ".sh"})
# Files that something writes, and one of FATE's that a page says how to change.
ELSEWHERE = {"result.json", "summary.json", "OUT/summary.txt", "out/summary.txt", "fate/arch/protocol/phe/paillier.py"}

FILE = r"[\w.-]*\w\.(?:py|cpp|hpp|cuh|cu|inc|S|sh|md|json|txt|toml)"
IN_TICKS = re.compile(rf"`((?:[\w.-]+/)*{FILE})`")
BELOW_A_FOLDER = re.compile(rf"(?<![\w./-])((?:[\w-]+/)+{FILE})\b")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")


def is_there(name):
    return name in ENDS or any(end.endswith("/" + name) for end in ENDS)


def missing(names):
    return {name for name in names if name not in ELSEWHERE and not is_there(name)}


def headings(text):
    """The anchors that Markdown makes of a page's headings."""
    lines = re.sub(r"```.*?```", "", text, flags=re.DOTALL).splitlines()
    titles = [line.lstrip("#").strip().lower() for line in lines if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", title).replace(" ", "-") for title in titles}


def broken_links(page):
    """Links of a page to pages that are not there, or to headings that those do not have."""
    for name, anchor in LINK.findall(page.read_text()):
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in headings(target.read_text())):
            yield f"{name}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages(page):
    assert not missing(IN_TICKS.findall(page.read_text()))
    assert not list(broken_links(page))


def test_sources():
    assert not {
        f"{path.relative_to(ROOT)}: {name}"
        for path in SOURCES
        if path != Path(__file__)
        for name in missing(BELOW_A_FOLDER.findall(path.read_text()))
    }


def test_what_is_not_there_is_found(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# One `name`, two\n[a](#one-name-two) [b](#three) [c](gone.md)\n")
    assert list(broken_links(page)) == ["#three", "gone.md#"]
    assert missing(["cuda/bigint/pairs.cuh", "bigint/pairs.cuh", "pairs.cuh", "igint/pairs.cuh"]) == {"igint/pairs.cuh"}
    assert BELOW_A_FOLDER.findall("see ring/one.py, not two.py") == ["ring/one.py"]

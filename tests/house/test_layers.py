"""Imports point down, schemes know no device and no memory layout, and nothing is ever unpickled."""

import ast
import functools
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
FILES = sorted((SOURCE / "hepy").rglob("*.py"))

SCHEMES = {"paillier", "ckks"}
APPLICATIONS = {"interop", "demos", "cli", "benchmarks", "selftests"}
ABOVE_FOUNDATIONS = {"bigint", "ring", "wire"} | SCHEMES | APPLICATIONS
# What each layer may not import; a file that is in none of these folders is a foundation.
FORBIDDEN = {
    "bigint": ABOVE_FOUNDATIONS - {"bigint"},
    "ring": ABOVE_FOUNDATIONS - {"ring"},
    "paillier": APPLICATIONS | {"ring", "ckks"},
    "ckks": APPLICATIONS | {"bigint", "paillier"},
    "wire": APPLICATIONS,
    "interop": APPLICATIONS - {"interop"},
    "demos": {"cli"},
    "benchmarks": {"cli", "demos"},
    "selftests": {"cli", "demos"},
    "cli": set(),
    "__main__": APPLICATIONS - {"cli"},
}
# Libraries that adapters stand for: oracles of tests, asked for by a user who converts, and never needed.
ORIGINALS = {"phe", "fate", "fate_utils"}
DEVICE_KINDS = {"cpu", "cuda", "emulator"}
# Private names of one package that another may use.
LENT = {"_probe": {"_devices"}}  # a benchmark adds a kind of device, and has the list of devices made anew
PRIVATE_MEMORY = {"_batch", "_rows", "_operand", "_kernels", "kernels"}


def named(path):
    return str(path.relative_to(SOURCE))


def layer(path):
    return path.relative_to(SOURCE / "hepy").parts[0].removesuffix(".py")


def imported(tree):
    """Names below hepy of all that a file imports, also inside functions and for type checkers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def parse(path):
    return ast.parse(path.read_text(), str(path))


def docstrings(tree):
    """The nodes that are documentation."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            yield body[0].value


@pytest.mark.parametrize("path", FILES, ids=named)
def test_imports_point_down(path):
    if path.name == "__init__.py" and path.parent == SOURCE / "hepy":
        return  # the face of all layers; its names are imported when they are used
    forbidden = FORBIDDEN.get(layer(path), ABOVE_FOUNDATIONS)
    reached = {name.split(".")[1] for name in imported(parse(path)) if name.startswith("hepy.")}
    assert not reached & forbidden


@pytest.mark.parametrize("path", [path for path in FILES if layer(path) == "interop"], ids=named)
def test_adapters_stand_alone(path):
    """An adapter imports no other adapter, and what it stands for only inside of functions."""
    parts = path.relative_to(SOURCE / "hepy" / "interop").parts
    others = {other.name for other in (SOURCE / "hepy" / "interop").iterdir() if other.is_dir()} - {parts[0]}
    tree = parse(path)
    reached = {name.split(".")[2] for name in imported(tree) if name.startswith("hepy.interop.")}
    assert not reached & others
    at_once = ast.Module([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], [])
    assert not {name.partition(".")[0] for name in imported(at_once)} & ORIGINALS


@pytest.mark.parametrize("path", [path for path in FILES if layer(path) in SCHEMES], ids=named)
def test_schemes_name_no_device_and_touch_no_memory(path):
    tree = parse(path)
    documentation = set(map(id, docstrings(tree)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            assert node.value.partition(":")[0] not in DEVICE_KINDS, f"line {node.lineno} names a device"
        if isinstance(node, ast.Attribute):
            assert node.attr not in PRIVATE_MEMORY, f"line {node.lineno} looks below the arithmetic layer"
            assert node.attr != "kind" or "device" not in ast.unparse(node.value), (
                f"line {node.lineno} asks for a device"
            )


def is_own(attribute):
    """Whether it is an attribute of self."""
    return isinstance(attribute.value, ast.Name) and attribute.value.id in ("self", "cls")


def private_names(tree):
    """What a file calls its own: functions, classes, slots and attributes whose names begin with one underscore."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_own(node):
            yield node.attr
        elif isinstance(node, ast.Assign) and "__slots__" in map(ast.unparse, node.targets):
            yield from ast.literal_eval(node.value)


@functools.cache
def private_to():
    """The packages that have each private name."""
    owners = {}
    for path in FILES:
        for name in private_names(parse(path)):
            if name.startswith("_") and not name.startswith("__"):
                owners.setdefault(name, set()).add(layer(path))
    return owners


def reached_into(tree):
    """Private attributes that a file asks of something else than itself."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not is_own(node):
            yield node


@pytest.mark.parametrize("path", FILES, ids=named)
def test_private_attributes_are_their_packages_own(path):
    for node in reached_into(parse(path)):
        owners = private_to().get(node.attr, {layer(path)}) - LENT.get(node.attr, set())
        assert not owners or layer(path) in owners, f"line {node.lineno}: {ast.unparse(node)} is of {sorted(owners)}"


@pytest.mark.parametrize("path", FILES, ids=named)
def test_nothing_is_unpickled(path):
    roots = {name.partition(".")[0] for name in imported(parse(path))}
    assert not roots & {"pickle", "cPickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}
    assert "allow_pickle=True" not in path.read_text()


@pytest.mark.parametrize("path", FILES, ids=named)
def test_a_file_says_its_job_in_its_first_line(path):
    text = path.read_text()
    if path.name == "__init__.py" and not text.strip():
        return
    summary = (ast.get_docstring(parse(path)) or "").partition("\n")[0]
    assert summary.endswith((".", ":"))
    assert len(summary) > 10


def test_the_rules_find_offenders(tmp_path):
    """The walkers above see what they are meant to see."""
    tree = ast.parse("def f():\n    from hepy.paillier import keys\nimport hepy.wire\n")
    assert {"hepy.paillier", "hepy.paillier.keys", "hepy.wire"} <= set(imported(tree))
    tree = ast.parse("class A:\n    __slots__ = ('_a',)\n    def _b(self): self._c = key._secret\n")
    assert {"_a", "_b", "_c"} <= set(private_names(tree)) and "_secret" not in private_names(tree)
    assert [node.attr for node in reached_into(tree)] == ["_secret"]
    assert private_to()["_secret"] >= {"paillier", "ckks"} and "interop" not in private_to()["_secret"]
    assert [node.value for node in docstrings(ast.parse('"""one"""\ndef f():\n    """two"""\n    "three" + x\n'))] == [
        "one",
        "two",
    ]

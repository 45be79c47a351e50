"""Keys, kept vectors, and a forger that writes containers without hepy's help."""

import functools
import json
import runpy
from pathlib import Path

import pytest

from hepy import paillier

VECTORS = Path(__file__).parent / "vectors"


@functools.cache
def make_key(variant, bits=256):
    number = ("djn", "classic", "subgroup").index(variant)
    return paillier.generate_key(bits, variant, seed=bytes([number, bits // 256]) * 16, insecure=True)


@pytest.fixture(params=["djn", "classic", "subgroup"])
def key(request):
    return make_key(request.param)


@pytest.fixture
def djn():
    return make_key("djn")


@pytest.fixture(scope="session")
def keys():
    return make_key


@pytest.fixture(scope="session")
def maker():
    """The functions of the script that made the vectors."""
    return runpy.run_path(str(VECTORS / "make_v1.py"))


def forge(fields, tensors, *, metadata=None, entries=None, tail=b"", pad=b" "):
    """A container, by the letter of safetensors' documentation.

    Args:
        fields: the header's fields, or text that stands for them.
        tensors: name: (dtype, shape, data).
        metadata, entries: what to write in place of the metadata and of the tensors' entries.
        tail, pad: what follows the data, and what fills the header.
    """
    said = fields if isinstance(fields, str) else json.dumps(fields, sort_keys=True, separators=(",", ":"))
    header = {"__metadata__": {"hepy": said} if metadata is None else metadata}
    at, data = 0, b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(content)]}
        at += len(content)
        data += content
    if entries is not None:
        header = {"__metadata__": header["__metadata__"], **entries}
    return assemble(json.dumps(header, separators=(",", ":")), data + tail, pad)


def assemble(text, data, pad=b" "):
    """Length, header, padding, data."""
    raw = text.encode() if isinstance(text, str) else text
    raw += pad * (-len(raw) % 8)
    return len(raw).to_bytes(8, "little") + raw + data


def dissect(message):
    """The fields, tensors (name: (dtype, shape, data)) and the header's text of a message."""
    length = int.from_bytes(message[:8], "little")
    text = message[8 : 8 + length].decode().rstrip(" ")
    header = json.loads(text)
    fields = json.loads(header.pop("__metadata__")["hepy"])
    data = message[8 + length :]
    tensors = {
        name: (entry["dtype"], entry["shape"], data[slice(*entry["data_offsets"])]) for name, entry in header.items()
    }
    return fields, tensors, text


@pytest.fixture(scope="session")
def forger():
    """forge, assemble and dissect."""

    class Forger:
        forge = staticmethod(forge)
        assemble = staticmethod(assemble)
        dissect = staticmethod(dissect)

    return Forger

"""Which engines are measured: hepy on each device, a plain gmpy2 loop, and the peers."""

from __future__ import annotations

import dataclasses

from hepy import _devices
from hepy.errors import ParameterError

# What depends on the variant of a key and on the timing mode. Sums and products of ciphertexts depend on neither: the
# time of a product may tell the plaintext factor in either mode.
_KEY_OPERATIONS = ("keygen", "encrypt", "encrypt_owner", "decrypt")
# Searching a subgroup key takes from a few seconds to half a minute and more, by luck: no number of samples that a table could afford
# tells two engines apart. So these engines work with a kept key; `--subgroup-keygen` measures the search alone.
_NO_KEYGEN = ("encrypt", "encrypt_owner", "decrypt")

PEERS = {
    "paillier": ("phe", "fate_utils", "rust-paillier", "pypaillier", "heu", "ipcl"),
    "ckks": ("openfhe", "seal", "tenseal", "fhelium"),
}


@dataclasses.dataclass(frozen=True)
class Specification:
    """One engine of a run.

    Attributes:
        library: its name in the workers' table.
        scheme: "paillier" or "ckks".
        device: where it computes.
        variant, timing: asked of hepy and of the gmpy2 loop; a peer tells its own.
        operations: the rows to measure, or None for all that the library offers.
    """

    library: str
    device: str = "cpu"
    variant: str = ""
    timing: str = ""
    operations: tuple[str, ...] | None = None
    scheme: str = "paillier"

    @property
    def peer(self) -> bool:
        """Whether it is somebody else's library, in an environment of its own."""
        return self.library in PEERS[self.scheme]

    def __str__(self) -> str:
        return " ".join(filter(None, (self.library, self.device if self.library == "hepy" else "", self.variant,
                                      "" if self.timing in ("", "vartime") else self.timing)))  # fmt: skip


def engines(scheme: str = "paillier", *, default_only: bool = False) -> list[Specification]:
    """Engines of a scheme, in the order of the tables.

    Args:
        scheme: "paillier" or "ckks".
        default_only: of Paillier, hepy and the loop with the default variant and timing mode only.

    The emulator is left out: it runs GPU kernels for truth, and its speed says nothing.
    """
    if scheme not in PEERS:
        raise ParameterError(f"there are benchmarks of {' and '.join(PEERS)}, not of {scheme!r}")
    if scheme == "ckks":
        return [Specification(library, scheme=scheme) for library in ("hepy", *PEERS[scheme])]
    devices = [name for name in _devices.devices() if not name.startswith("emulator")]
    own = [spec for device in devices for spec in _own("hepy", device)] + _own("gmpy2", "cpu")
    if default_only:
        own = [spec for spec in own if (spec.variant, spec.timing) == ("djn", "vartime")]
    return own + [Specification(library) for library in PEERS[scheme]]


def subgroup_keygen() -> list[Specification]:
    """The search of subgroup keys, left out of the tables; for long runs of its own."""
    return [Specification(library, "cpu", "subgroup", "vartime", ("keygen",)) for library in ("hepy", "gmpy2")]


def _own(library: str, device: str) -> list[Specification]:
    """hepy, and the loop that hepy is compared with: every variant, and the default one in constant time."""
    return [
        Specification(library, device, "djn", "vartime"),
        Specification(library, device, "djn", "constant_time", _KEY_OPERATIONS),
        Specification(library, device, "classic", "vartime", _KEY_OPERATIONS),
        Specification(library, device, "subgroup", "vartime", _NO_KEYGEN),
    ]

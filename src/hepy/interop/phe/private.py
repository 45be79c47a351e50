"""PaillierPrivateKey, which decrypts one number at a time or an array at once, and a ring of such keys."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import gmpy2
import numpy as np
import numpy.typing as npt

from hepy import _devices
from hepy._devices.zeroing import secret_memory
from hepy._host.locks import new_lock
from hepy._host.pool import parallel_ranges
from hepy._limbs import MPZ, to_ints
from hepy.bigint.residues import chunks
from hepy.bigint.single import Singles
from hepy.errors import KeyMismatchError, ParameterError
from hepy.interop.phe.arrays import EncryptedArray
from hepy.interop.phe.encoding import EncodedNumber
from hepy.interop.phe.errors import ArgumentTypeError, UnknownKeyError, integer
from hepy.interop.phe.numbers import EncryptedNumber
from hepy.interop.phe.operands import objects
from hepy.interop.phe.public import PaillierPublicKey
from hepy.paillier.crt import Crt, Secret

# From this length of n on, the halves of a decryption are worth a thread each.
_TWO_THREADS_BITS = 1024


class PaillierPrivateKey:
    """What decrypts.

    It refuses to be pickled: jwk.save writes it to a file, and p and q make it again.

    Args:
        public_key: the public half.
        p, q: the prime factors of n, in any order.

    Attributes:
        public_key: the argument.
        p, q: the smaller prime and the larger.
        psquare, qsquare, p_inverse, hp, hq: what decryption modulo p**2 and q**2 uses.

    Raises:
        KeyMismatchError: p * q is not n (a ValueError).
        ParameterError: p and q are equal (a ValueError).
    """

    def __init__(self, public_key: PaillierPublicKey, p: int, q: int) -> None:
        if p * q != public_key.n or p < 2 or q < 2:
            raise KeyMismatchError("the prime factors and the public key do not belong together")
        if p == q:
            raise ParameterError("the prime factors of a Paillier key differ; these are equal")
        self.public_key = public_key
        self.p, self.q = (int(p), int(q)) if p < q else (int(q), int(p))
        self.psquare, self.qsquare = self.p**2, self.q**2
        self.p_inverse = int(gmpy2.invert(self.p, self.q))
        self.hp = self.h_function(self.p, self.psquare)
        self.hq = self.h_function(self.q, self.qsquare)
        self._psquare, self._qsquare = Singles(self.psquare), Singles(self.qsquare)
        self._crt: Crt | None = None
        self._lock = new_lock()

    @staticmethod
    def from_totient(public_key: PaillierPublicKey, totient: int) -> PaillierPrivateKey:
        """The key from (p-1)(q-1), which gives p + q, and with n the primes.

        Raises:
            ArgumentTypeError: it is no integer (a TypeError).
            ParameterError: it is not the totient of n (a ValueError).
        """
        total = public_key.n - integer("a totient", totient) + 1
        square = total * total - 4 * public_key.n
        root = math.isqrt(square) if square > 0 else 0
        p, q = (total - root) // 2, (total + root) // 2
        if p < 2 or p * q != public_key.n:
            raise ParameterError("this is not the totient of the public key's modulus")
        return PaillierPrivateKey(public_key, p, q)

    def __repr__(self) -> str:
        return f"<PaillierPrivateKey for {self.public_key!r}>"

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, PaillierPrivateKey) and self.p == other.p and self.q == other.q)

    def __hash__(self) -> int:
        return hash((self.p, self.q))

    def __reduce__(self) -> Any:
        raise ParameterError(
            "private keys are not pickled: write them with hepy.interop.phe.jwk.save(key, path), or fork after the key was "
            "made"
        )

    def __copy__(self) -> PaillierPrivateKey:
        return self

    def __deepcopy__(self, memo: Any) -> PaillierPrivateKey:
        return self

    # Decryption.

    def decrypt(self, encrypted_number: EncryptedNumber) -> int | float:
        """The number. Decrypt what you asked for, from a sender you know: see hepy.paillier.PrivateKey.decrypt.

        Raises:
            ArgumentTypeError: it is no EncryptedNumber (a TypeError).
            KeyMismatchError: it was encrypted with another key (a ValueError).
            EncodingOverflowError: a computation left the range of encodings, or the number that of floats.
        """
        return self.decrypt_encoded(encrypted_number).decode()

    def decrypt_encoded(
        self, encrypted_number: EncryptedNumber, Encoding: type[EncodedNumber] | None = None
    ) -> EncodedNumber:
        """The encoded number; errors as for decrypt.

        Args:
            encrypted_number: the number.
            Encoding: EncodedNumber, or the subclass with whose base the number was encoded.
        """
        if not isinstance(encrypted_number, EncryptedNumber):
            raise ArgumentTypeError(f"an EncryptedNumber was expected, not {type(encrypted_number).__name__}")
        self._check_key(encrypted_number.public_key)
        encoding = int(self._decrypt_value(encrypted_number.value))
        return (Encoding or EncodedNumber)(self.public_key, encoding, encrypted_number.exponent)

    def raw_decrypt(self, ciphertext: int) -> int:
        """The integer of [0, n) in a ciphertext that is an integer.

        Raises:
            ArgumentTypeError: it is no integer (a TypeError).
        """
        if not isinstance(ciphertext, int | MPZ):
            raise ArgumentTypeError(
                f"raw_decrypt takes an integer, not {type(ciphertext).__name__}: decrypt decodes it"
            )
        return int(self._decrypt_value(ciphertext))

    @secret_memory()
    def decrypt_array(
        self,
        encrypted_numbers: EncryptedArray | npt.NDArray[np.object_] | Iterable[EncryptedNumber],
        Encoding: type[EncodedNumber] | None = None,
    ) -> npt.NDArray[np.object_]:
        """Many numbers at once.

        Args:
            encrypted_numbers: an EncryptedArray, or EncryptedNumbers in an array of objects, a list or any iterable.
            Encoding: as for decrypt_encoded.

        Returns: an array of that shape of what decrypt returns: ints and floats. tolist() makes lists of it,
            astype(float) numbers of numpy.
        Raises: as decrypt.
        """
        given = encrypted_numbers if isinstance(encrypted_numbers, EncryptedArray) else objects(encrypted_numbers)
        if not given.size:
            return np.empty(given.shape, dtype=object)
        array = EncryptedArray.of(given)
        self._check_key(array.public_key)
        out = np.empty(array.size, dtype=object)
        kind, exponents = Encoding or EncodedNumber, array.exponents.ravel().tolist()
        if few := array.few():
            for at, value in enumerate(few.values):
                out[at] = kind(self.public_key, int(self._decrypt_value(value)), exponents[at]).decode()
            return out.reshape(array.shape)
        with _devices.device(array.residues.device):
            flat = array.residues.ravel()
            for start, stop in chunks(flat.modulus, flat.device, flat.size):
                plain = to_ints(self._batched.decrypt(flat[start:stop]))
                for at, encoding in enumerate(plain, start):
                    out[at] = kind(self.public_key, encoding, exponents[at]).decode()
        return out.reshape(array.shape)

    def _check_key(self, public_key: PaillierPublicKey) -> None:
        if public_key != self.public_key:
            raise KeyMismatchError(
                f"the number was encrypted with {public_key!r} and this is {self!r}: decrypt it with its own private key"
            )

    @property
    def _batched(self) -> Crt:
        """Arithmetic on arrays modulo the primes, prepared on first use."""
        with self._lock:
            if self._crt is None:
                self._crt = Crt(Secret(self.p, self.q), self.public_key.modulus, None)
            return self._crt

    def _decrypt_value(self, ciphertext: Any) -> Any:
        """Paillier's decryption modulo p and modulo q, joined (EUROCRYPT '99, section 7)."""
        sides = ((self.p, self._psquare, self.hp), (self.q, self._qsquare, self.hq))
        halves: list[Any] = [None, None]

        def decrypt_halves(start: int, stop: int) -> None:
            for at in range(start, stop):
                prime, square, h = sides[at]
                halves[at] = self.l_function(square.power(ciphertext, prime - 1), prime) * h % prime

        if self.public_key.n.bit_length() >= _TWO_THREADS_BITS:
            parallel_ranges(2, 1, decrypt_halves)
        else:
            decrypt_halves(0, 2)
        return self.crt(*halves)

    # The steps of decryption, under phe's names.

    def h_function(self, x: int, xsquare: int) -> int:
        """The inverse modulo x of L((n + 1)**(x-1) mod x**2), for a prime factor x of n."""
        # (n + 1)**(x-1) = 1 + n (x-1) modulo x**2, since x divides n; L of it is -(n / x) modulo x.
        return int(gmpy2.invert(-(self.public_key.n // x), x))

    def l_function(self, x: Any, p: int) -> Any:
        """Paillier's L: (x - 1) / p."""
        return (x - 1) // p

    def crt(self, mp: int, mq: int) -> int:
        """The integer below n that is mp modulo p and mq modulo q."""
        u = (mq - mp) * self.p_inverse % self.q
        return mp + u * self.p


class PaillierPrivateKeyring(Mapping[PaillierPublicKey, PaillierPrivateKey]):
    """Private keys by their public keys; decrypts with the one that fits.

    Args:
        private_keys: the first of them.

    Raises:
        ArgumentTypeError: one is no private key (a TypeError).
    """

    def __init__(self, private_keys: Iterable[PaillierPrivateKey] | None = None) -> None:
        self._keys: dict[PaillierPublicKey, PaillierPrivateKey] = {}
        for key in private_keys or ():
            self.add(key)

    def __repr__(self) -> str:
        return f"<PaillierPrivateKeyring of {len(self)} keys>"

    def __getitem__(self, key: PaillierPublicKey) -> PaillierPrivateKey:
        try:
            return self._keys[key]
        except KeyError:
            raise UnknownKeyError(f"this keyring has no private key for {key!r}: add it first") from None

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[PaillierPublicKey]:
        return iter(self._keys)

    def __delitem__(self, public_key: PaillierPublicKey) -> None:
        del self._keys[self[public_key].public_key]

    def add(self, private_key: PaillierPrivateKey) -> None:
        """Add a key.

        Raises:
            ArgumentTypeError: it is no private key (a TypeError).
        """
        if not isinstance(private_key, PaillierPrivateKey):
            raise ArgumentTypeError(f"a PaillierPrivateKey was expected, not {type(private_key).__name__}")
        self._keys[private_key.public_key] = private_key

    def decrypt(self, encrypted_number: EncryptedNumber) -> int | float:
        """The number, by the private key of its public key.

        Raises:
            UnknownKeyError: there is none (a KeyError).
        """
        return self[encrypted_number.public_key].decrypt(encrypted_number)

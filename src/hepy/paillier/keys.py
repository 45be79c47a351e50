"""Public and private keys: who can encrypt, who can decrypt, and how a received key is checked."""

from __future__ import annotations

import hashlib
import math
import operator
from collections.abc import Callable, Iterator
from typing import Any

import gmpy2
import numpy as np
import numpy.typing as npt

from hepy import _devices, random
from hepy import _limbs as limb
from hepy._arguments import whole
from hepy._devices.zeroing import secret_memory
from hepy._host.files import Path
from hepy._host.locks import new_lock
from hepy._immutable import Immutable, ReadOnly
from hepy.bigint import FixedBase, Modulus, ResidueArray
from hepy.bigint.fixed_point import FixedPoint
from hepy.bigint.residues import chunks, from_chunks
from hepy.errors import KeyMismatchError, ParameterError
from hepy.paillier import proofs
from hepy.paillier.ciphertexts import CiphertextArray
from hepy.paillier.crt import Crt, Secret
from hepy.paillier.encoding import Numbers, encode_here
from hepy.paillier.packing import Fields, Packed
from hepy.paillier.pools import MemoryPool, Pool
from hepy.paillier.primes import is_composite
from hepy.paillier.proofs import Proof
from hepy.paillier.squeezing import Squeezed
from hepy.paillier.variants import BITS, RERANDOMIZE_EXTRA, check_bits
from hepy.paillier.variants import variant as variant_named
from hepy.random import Purpose, Stream
from hepy.wire.locked import LockedCiphertexts

_FERMAT_STEPS = 100

Part = Callable[[int, int], ResidueArray]  # (start, stop) -> elements of an array in C order
Source = Callable[[int], Part]  # how many obfuscators -> those, piece by piece


class PublicKey(Immutable, ReadOnly):
    """What encrypts, and what operations on ciphertexts need. Equal keys have equal fingerprints.

    Args:
        n: the modulus, a product of two primes that only the private key knows.
        variant: "djn", "classic" or "subgroup".
        h: the generator modulo n of the obfuscators, between 1 and n; None for classic keys, which have none.
        insecure: allow lengths below 2048 bits.

    Attributes:
        n: the modulus.
        modulus: n**2, as a hepy.bigint.Modulus: what ciphertexts are residues of.
        bits: the length of n.
        variant: the variant's name.
        h: the generator, or None.
        insecure: whether the key is too short for anything but experiments.
        fingerprint: SHA-256 of variant, n and h, in hexadecimal.

    Raises:
        ParameterError: the parts do not make a key; see also validate().
    """

    __slots__ = ("_base", "_generator", "_lock", "_variant", "bits", "fingerprint", "h", "insecure", "modulus", "n")

    def __init__(self, n: int, variant: str = "djn", h: int | None = None, *, insecure: bool = False) -> None:
        self._variant = variant_named(variant)
        self.n = _positive("the modulus n", n)
        self.bits = check_bits(self.n.bit_length(), insecure)
        self.insecure = self.bits < BITS[0]
        if self.n % 2 == 0:
            raise ParameterError("the modulus of a Paillier key is odd; this one is even")
        if self._variant.fixed_base != (h is not None):
            raise ParameterError(f"a {variant} key has {'a' if self._variant.fixed_base else 'no'} generator h")
        self.h = None if h is None else _positive("the generator h", h)
        if self.h is not None and not 1 < self.h < self.n:
            raise ParameterError("the generator h of a Paillier key lies between 1 and n")
        self.modulus = Modulus(self.n * self.n)
        self.fingerprint = _fingerprint(self.variant, self.n, self.h)
        self._generator = self.h
        self._base: FixedBase | None = None
        self._lock = new_lock()

    @property
    def variant(self) -> str:
        """The variant's name."""
        return self._variant.name

    def __repr__(self) -> str:
        insecure = ", insecure=True" if self.insecure else ""
        return f"PublicKey(bits={self.bits}, variant={self.variant!r}, fingerprint={self.fingerprint[:16]!r}{insecure})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PublicKey) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __reduce__(self) -> tuple[Any, ...]:
        from hepy.paillier.codec import restore_key
        from hepy.wire import dumps

        return restore_key, (dumps(self),)

    def digest(self) -> str:
        """SHA-256 of the wire form, in hexadecimal."""
        from hepy import wire

        return wire.digest(self)

    def validate(self) -> None:
        """Check what can be checked of a key that another party made.

        The modulus is odd and composite (Miller-Rabin with random bases), has no small factor, is no perfect power and
        no product of neighbours (Fermat's method); where there is an h, the modulus is 1 modulo 4, and h a unit of Jacobi
        symbol 1 and neither 1 nor -1 modulo any factor. That gcd(n, phi(n)) = 1 takes a proof: see verify(). That n has
        just two prime factors, and that h has a large order, cannot be seen from a key.

        Raises:
            ParameterError: a check fails; says which.
        """
        n = gmpy2.mpz(self.n)
        proofs.check_small_factors(self.n)
        if not is_composite(self.n, random.stream()):
            raise ParameterError("this is no Paillier key: its modulus is a prime")
        if gmpy2.is_power(n):
            raise ParameterError("this is no Paillier key: its modulus is a perfect power")
        if _of_neighbours(n):
            raise ParameterError("this is no Paillier key: its factors are so close that anyone finds them")
        if self.h is None:
            return
        if self.n % 4 != 1:
            raise ParameterError(
                f"this is no Paillier key: both primes of a {self.variant} key are 3 modulo 4, and their product is not"
            )
        if math.gcd(self.h, self.n) != 1:
            raise ParameterError("this is no Paillier key: its generator h shares a factor with the modulus")
        if gmpy2.jacobi(self.h, n) != 1:
            raise ParameterError("this is no Paillier key: its generator h has Jacobi symbol -1")
        if self.h * self.h % self.n == 1:
            raise ParameterError("this is no Paillier key: the square of its generator h is 1, so it hides nothing")
        if math.gcd(self.h * self.h - 1, self.n) != 1:
            raise ParameterError("this is no Paillier key: its generator h is 1 or -1 modulo one of the factors")

    def verify(self, proof: Proof, context: str = "") -> None:
        """Check a proof that gcd(n, phi(n)) = 1, which the key's maker made with prove(context).

        Without it, ciphertexts may not decrypt, and obfuscators not hide what rerandomizing is to hide.

        Args:
            proof: from PrivateKey.prove, or loaded from a message.
            context: what the maker was told to put in: a name of the protocol and, where a proof must not be used
                twice, something new.

        Raises:
            KeyMismatchError: the proof is about another key.
            ParameterError: it does not hold: the modulus is unfit, the context another, or something was changed.
        Source: Goldberg, Reyzin, Sagga and Baldimtsi, eprint 2018/057; see hepy.paillier.proofs.
        """
        proofs.verify(self, proof, context)

    def with_own_generator(self, *, seed: bytes | None = None) -> PublicKey:
        """The same key with a generator h = -x**2 drawn here, for an encryptor who distrusts the key's maker.

        Only for djn keys. Everything that others see stays: h, the fingerprint, what ciphertexts go with. The generator
        that obfuscators come from is forgotten with the object: copies by pickling have the maker's again.

        Args:
            seed: 32 bytes, for reproducible tests only. None draws from the operating system.

        Raises:
            ParameterError: the key is of another variant, or `seed` is not 32 bytes.
        """
        if self.variant != "djn":
            raise ParameterError(f"only djn keys allow a generator of one's own, this is a {self.variant} key")
        x = random_unit(self.n, random.stream(seed))
        own = PublicKey(self.n, "djn", self.h, insecure=self.insecure)
        own._generator = -x * x % self.n
        return own

    def encrypt(
        self,
        values: Any,
        *,
        scale_bits: int | None = None,
        value_bits: int | None = None,
        pool: Pool | None = None,
        seed: bytes | None = None,
    ) -> CiphertextArray:
        """Encrypt numbers elementwise, each with an obfuscator of its own.

        Args:
            values: any shape; bool, integers (Python ints of any size), float16, float32, float64; or what
                paillier.pack returned. Arrays of CuPy stay on their GPU.
            scale_bits: fraction bits, one number for the array: encoding = round(value * 2**scale_bits), half to
                even. None means 0 for integers and 40 for floats.
            value_bits: declared bound, |encoding| < 2**value_bits. None takes it from the dtype: the type's own range
                for integers, 64 bits for Python's, and 64 bits before the point for floats.
            pool: obfuscators prepared ahead by pool(), each used once.
            seed: 32 bytes, for reproducible tests only. None draws from the operating system.

        Returns: ciphertexts of the shape of `values` on the current device.
        Raises:
            EncodingOverflowError: an encoding exceeds its bound, or the bound a third of n; names the first index.
            KeyMismatchError: the pool is another key's.
            ParameterError: a value is not a finite number, or `seed` is not 32 bytes, or goes with a pool.
            PoolExhaustedError: the pool has fewer left than there are values.
        Hazards:
            `scale_bits` and `value_bits` travel in clear: choose them from the declared range, never from the values.
            Ciphertexts made twice from one `seed` share obfuscators: their quotient tells the difference of values.
        Source: Paillier, EUROCRYPT '99, section 4, g = n + 1; for obfuscators see hepy.paillier.variants.
        """
        return self._encrypt(values, scale_bits, value_bits, pool, seed, None)

    def _encrypt(
        self,
        values: Any,
        scale_bits: int | None,
        value_bits: int | None,
        pool: Pool | None,
        seed: bytes | None,
        crt: Crt | None,
    ) -> CiphertextArray:
        source = self._source(Purpose.OBFUSCATOR, pool, seed, crt)
        encodings, account = self.encode(values, scale_bits, value_bits)
        residues = self._encrypt_encodings(encodings, source)
        seeded = seed is not None or (pool is not None and pool.seeded)
        return CiphertextArray(self, residues, account, fresh=True, seeded=seeded)

    def encrypt_encodings(self, encodings: npt.NDArray[Any], *, seed: bytes | None = None) -> ResidueArray:
        """Fresh ciphertexts of integers modulo n, without an account of what they may become.

        For code that keeps account itself, as adapters do; encrypt is for everyone else.

        Args:
            encodings: int64 or Python's integers, any shape.
            seed: 32 bytes, for reproducible tests only. None draws from the operating system.
        """
        return self._encrypt_encodings(FixedPoint(encodings), self._source(Purpose.OBFUSCATOR, None, seed, None))

    def _encrypt_encodings(self, encodings: FixedPoint, source: Source) -> ResidueArray:
        return self._blind(encodings.principal, encodings.shape, source)

    def encode(
        self, values: Any, scale_bits: int | None, value_bits: int | None
    ) -> tuple[FixedPoint, Numbers | Fields]:
        """Values or packed records, checked, with the account that goes with them; arguments and errors as for encrypt."""
        if isinstance(values, CiphertextArray):
            raise ParameterError("these values are encrypted already: rerandomize() makes fresh ciphertexts of them")
        if isinstance(values, Packed):
            if scale_bits is not None or value_bits is not None:
                raise ParameterError("packed values have their scales and bounds already: give them to paillier.pack")
            return FixedPoint(values.encodings), values.fields.within(self.n, "encrypting packed values")
        encodings, account = encode_here(values, scale_bits, value_bits)
        return encodings, account.within(self.n, "encrypting")

    @secret_memory()
    def embed(self, encodings: Any) -> ResidueArray:
        """(1 + n)**m modulo n**2 of integers m of any shape, without an obfuscator: anyone can read it."""
        return self.modulus.affine(encodings, self.n, 1)

    def rerandomize(self, residues: ResidueArray, seed: bytes | None, pool: Pool | None = None) -> ResidueArray:
        """Ciphertexts modulo n**2, of any shape, each times a fresh obfuscator: uniform whatever was there.

        Contract for pool and seed: CiphertextArray.rerandomize.
        """
        source = self._source(Purpose.RERANDOMIZER, pool, seed, None)
        flat = residues.ravel()
        with _devices.device(residues.device):
            return self._blind(lambda x, start, stop: flat[start:stop].multiply(x), residues.shape, source)

    def pool(
        self, count: int, path: Path | None = None, *, rerandomize: bool = False, seed: bytes | None = None
    ) -> Pool:
        """Randomness ahead: what of an encryption does not depend on the values, each element to be used once.

        Args:
            count: how many values it will serve, at least 1.
            path: a new file for it (mode 0600), which processes share and which stays. None keeps it in memory, on the
                current device and for this process alone.
            rerandomize: for x.rerandomize(pool=...) as well, which takes longer exponents.
            seed: 32 bytes, for reproducible tests only. None draws from the operating system.

        Returns: a pool for encrypt(values, pool=...).
        Raises:
            OSError: the file cannot be written.
            ParameterError: `count` is no such number, `seed` is not 32 bytes, or there is a file already.
            StorageError: the disk is full.
        Hazards:
            Whoever reads a pool reads what is encrypted with it. A pool's file that is restored from a backup, or a
            machine that is cloned, hands out elements a second time, and two ciphertexts that share one tell the
            difference of their values: delete pools after a restore, and make new ones on a clone.
        """
        return self._pool(count, path, rerandomize, seed, None)

    def open_pool(self, path: Path) -> Pool:
        """A pool in a file, which other processes may be using.

        Raises:
            KeyMismatchError: it is another key's.
            OSError: the file is missing, or may not be read and written.
            ParameterError: it is another user's, others than its owner may read it, or it is a copy.
            WireFormatError: it is no pool, or damaged.
        """
        from hepy.paillier.pool_files import FilePool

        return FilePool(self, path)

    @secret_memory()
    def _pool(self, count: int, path: Path | None, rerandomize: bool, seed: bytes | None, crt: Crt | None) -> Pool:
        count = whole("a pool's count", count, 1, of="elements")
        purpose = Purpose.RERANDOMIZER if rerandomize else Purpose.OBFUSCATOR
        part = self._source(purpose, None, seed, crt)(count)
        if path is not None:
            from hepy.paillier.pool_files import create

            return create(self, path, count, part, rerandomizes=rerandomize, seeded=seed is not None)
        residues = from_chunks(self.modulus, _devices.current(), (count,), part)
        return MemoryPool(self, residues, rerandomize, seed is not None)

    def _source(self, purpose: Purpose, pool: Pool | None, seed: bytes | None, crt: Crt | None) -> Source:
        """Where so many obfuscators come from: a pool, or a stream."""
        if pool is None:
            stream = random.stream(seed)
            return lambda count: self._drawn(purpose, stream, count, crt)
        if seed is not None:
            raise ParameterError("seed=... and pool=... exclude each other: what a pool holds is drawn already")
        if not isinstance(pool, Pool):
            raise ParameterError(f"a pool is what public.pool(count) returns, not {type(pool).__name__}")

        def taken(count: int) -> Part:
            obfuscators = pool.take(count, self, rerandomizing=purpose is Purpose.RERANDOMIZER)
            return lambda start, stop: obfuscators[start:stop]

        return taken

    def _drawn(self, purpose: Purpose, stream: Stream, count: int, crt: Crt | None) -> Part:
        """Obfuscators from the stream, made piece by piece."""
        bits = self._variant.exponent_bits(self.bits)
        if self._variant.fixed_base and purpose is Purpose.RERANDOMIZER:
            bits += RERANDOMIZE_EXTRA
        draw = stream.draw(purpose, count, bits)

        def part(start: int, stop: int) -> ResidueArray:
            if self._variant.fixed_base:
                randomizers = draw.uniform_bits(start, stop)
            else:
                randomizers = draw.uniform_below(self.n, start, stop)
            return (self if crt is None else crt).obfuscators(randomizers, bits)

        return part

    @secret_memory()
    def _blind(
        self, hide: Callable[[ResidueArray, int, int], ResidueArray], shape: tuple[int, ...], source: Source
    ) -> ResidueArray:
        """hide(obfuscators, start, stop), for elements [start, stop) of an array of that shape, in chunks."""
        obfuscators = source(math.prod(shape))
        return from_chunks(
            self.modulus,
            _devices.current(),
            shape,
            lambda start, stop: hide(obfuscators(start, stop), start, stop),
        )

    @secret_memory()
    def obfuscators(self, randomizers: limb.Limbs, bits: int) -> ResidueArray:
        """(h^n)**r, or r**n for classic keys, modulo n**2: uint32[B, words] below 2**bits -> (B,)."""
        base = self.base
        if base is not None:
            return base.power_limbs(randomizers, bits)
        # r is a unit but for the chance of having guessed a factor of n.
        return self.modulus.from_limbs(randomizers).power(self.n)

    @property
    def base(self) -> FixedBase | None:
        """Powers of h^n modulo n**2, prepared on first use; None for classic keys."""
        with self._lock:
            if self._base is None and self._generator is not None:
                # Computed here and never received: whoever supplies h^n could hide a plaintext in it.
                self._base = self.modulus.fixed_base(int(gmpy2.powmod(self._generator, self.n, self.modulus.n)))
            return self._base


class PrivateKey(Immutable, ReadOnly):
    """What decrypts; made by generate_key or loaded from a file.

    It refuses to be pickled: hepy.save(key, path, password=...) is the one way out of the process.

    Attributes:
        public_key: the public half.
        bits, variant, fingerprint: as the public half's.
    """

    __slots__ = ("_crt", "_lock", "_secret", "_seeded", "public_key")

    def __init__(self, public_key: PublicKey, secret: Secret, *, seeded: bool = False) -> None:
        self.public_key = public_key  # first, for repr: error reporters show what was not made
        self._seeded = seeded
        if secret.p * secret.q != public_key.n:
            raise KeyMismatchError("the prime factors and the modulus do not belong together")
        if (public_key.variant == "subgroup") != secret.has_subgroup:
            raise KeyMismatchError(
                f"a {public_key.variant} key {'needs' if public_key.variant == 'subgroup' else 'has no use for'} the "
                "primes of the subgroup's order"
            )
        self._secret = secret
        self._crt: Crt | None = None
        self._lock = new_lock()

    @property
    def bits(self) -> int:
        return self.public_key.bits

    @property
    def variant(self) -> str:
        return self.public_key.variant

    @property
    def fingerprint(self) -> str:
        return self.public_key.fingerprint

    def __repr__(self) -> str:
        return self.public_key.__repr__().replace("PublicKey(", "PrivateKey(")[:-1] + (
            ", seeded=True)" if self._seeded else ")"
        )

    def __reduce__(self) -> Any:
        raise ParameterError("private keys are not pickled: use hepy.save(key, path, password=...)")

    def export_primes(self) -> tuple[int, int]:
        """The prime factors p and q of n, for another library that is to own the same key. To keep it, use hepy.save.

        Hazards:
            Whoever has one of them decrypts everything. They are Python's integers, which nothing zeroes.
            What other libraries encrypt or rerandomize leaves the subgroup of a subgroup key, which then refuses to
            decrypt it.
        """
        return self._secret.p, self._secret.q

    @property
    def crt(self) -> Crt:
        """Arithmetic modulo the prime factors, prepared on first use."""
        with self._lock:
            if self._crt is None:
                base = self.public_key.base
                self._crt = Crt(self._secret, self.public_key.modulus, None if base is None else base.base)
            return self._crt

    @secret_memory()
    def prove(self, context: str = "") -> Proof:
        """A proof for PublicKey.verify that gcd(n, phi(n)) = 1. It tells nothing else, and is the same each time.

        Args:
            context: goes into the proof, which holds for this context only.
        """
        return proofs.prove(self, context)

    def encrypt(
        self,
        values: Any,
        *,
        scale_bits: int | None = None,
        value_bits: int | None = None,
        pool: Pool | None = None,
        seed: bytes | None = None,
    ) -> CiphertextArray:
        """As PublicKey.encrypt, with the same bits for the same seed, faster by the Chinese remainder theorem."""
        return self.public_key._encrypt(values, scale_bits, value_bits, pool, seed, self.crt)

    def pool(
        self, count: int, path: Path | None = None, *, rerandomize: bool = False, seed: bytes | None = None
    ) -> Pool:
        """As PublicKey.pool, with the same elements for the same seed, faster by the Chinese remainder theorem."""
        return self.public_key._pool(count, path, rerandomize, seed, self.crt)

    def open_pool(self, path: Path) -> Pool:
        """As PublicKey.open_pool."""
        return self.public_key.open_pool(path)

    @secret_memory()
    def decrypt(self, ciphertexts: CiphertextArray | LockedCiphertexts, *, raw: bool = False) -> Any:
        """Decrypt what you asked for, from a sender you know: Paillier is not secure against chosen ciphertexts.

        Whoever learns what your key makes of ciphertexts of his choosing, by values, errors or timing, holds a
        decryption oracle. Do not report errors of this function to the party that supplied the ciphertexts.

        Args:
            ciphertexts: of any shape and device.
            raw: return the integer encodings, without the scale, as an object array of Python integers.

        Returns: an array of their shape: int64 (Python integers where the bound exceeds int64's own) for scale 0,
            float64, correctly rounded, above; Packed for packed ciphertexts. What was squeezed gets one axis more,
            with its places.
        Raises:
            KeyMismatchError: they were encrypted under another key.
            MissingKeyError: they were loaded without their key: hepy.loads(data, key) first.
            EncodingOverflowError: a plaintext lies outside its declared bound.
            ParameterError: subgroup keys: something is not a ciphertext of this key.
        """
        if isinstance(ciphertexts, LockedCiphertexts):
            raise ciphertexts.missing_key("be decrypted")
        if not isinstance(ciphertexts, CiphertextArray):
            raise ParameterError(
                f"Paillier ciphertexts were expected, not {type(ciphertexts).__name__} "
                f"({type(ciphertexts).__module__}): encrypt(...) makes them"
            )
        if ciphertexts.public_key != self.public_key:
            raise KeyMismatchError(
                f"ciphertexts of key {ciphertexts.public_key.fingerprint[:16]} were given to key "
                f"{self.fingerprint[:16]}: decrypt them with the private key of their own public key"
            )
        account, shape, n = ciphertexts.account, ciphertexts.shape, self.public_key.n
        plaintexts = self._plaintexts(ciphertexts.residues)
        parts = [account.decode(plain, n, shape, start, raw=raw) for start, plain in plaintexts]
        values = np.concatenate(parts).reshape(account.plain_shape(shape))
        item = account.item if isinstance(account, Squeezed) else account
        return values if raw or isinstance(item, Numbers) else Packed(values, item)

    def encrypt_encodings(self, encodings: npt.NDArray[Any], *, seed: bytes | None = None) -> ResidueArray:
        """As PublicKey.encrypt_encodings, with the same bits for the same seed, faster."""
        source = self.public_key._source(Purpose.OBFUSCATOR, None, seed, self.crt)
        return self.public_key._encrypt_encodings(FixedPoint(encodings), source)

    def decrypt_encodings(self, residues: ResidueArray) -> list[int]:
        """Plaintexts in [0, n) of ciphertexts modulo n**2, in C order; whether they are in any bound is not looked at.

        For code that keeps account of bounds itself. The hazards are those of decrypt.

        Raises:
            KeyMismatchError: the residues have another modulus.
            ParameterError: subgroup keys: something is not a ciphertext of this key.
        """
        if residues.modulus != self.public_key.modulus:
            raise KeyMismatchError("these residues are not modulo the square of this key's n")
        return [value for _, plain in self._plaintexts(residues) for value in plain]

    def _plaintexts(self, residues: ResidueArray) -> Iterator[tuple[int, list[int]]]:
        """Plaintexts chunk by chunk, each with its first flat position."""
        flat = residues.ravel()
        for start, stop in chunks(flat.modulus, flat.device, flat.size):
            # Not around the loop: who stops halfway would leave the block when the generator is collected, anywhere.
            with _devices.device(flat.device):
                plain = limb.to_ints(self.crt.decrypt(flat[start:stop]))
            yield start, plain


def random_unit(n: int, stream: Stream) -> int:
    """A uniform unit modulo n."""
    while True:
        (x,) = limb.to_ints(stream.uniform_below(n, 1, Purpose.KEY_GENERATOR))
        if math.gcd(x, n) == 1:
            return x


def _of_neighbours(n: Any) -> bool:
    """Whether two factors of gmpy2's n lie so close that some steps of Fermat's method find them."""
    root = gmpy2.isqrt(n)
    return any(gmpy2.is_square(a * a - n) for a in range(root + 1, root + 1 + _FERMAT_STEPS))


def _positive(what: str, value: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise ParameterError(f"{what} of a Paillier key is an integer, not {type(value).__name__}") from None
    if number < 1:
        raise ParameterError(f"{what} of a Paillier key is positive; this one is not")
    return number


def _fingerprint(name: str, n: int, h: int | None) -> str:
    size = -(-n.bit_length() // 8)
    text = b"hepy.paillier.public_key\0" + name.encode() + b"\0" + n.to_bytes(size, "little")
    return hashlib.sha256(text + (h or 0).to_bytes(size, "little")).hexdigest()

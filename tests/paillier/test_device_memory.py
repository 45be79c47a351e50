"""What Paillier leaves in a device's memory: no prime, exponent, obfuscator or plaintext."""

import gc

import numpy as np
import pytest

import hepy
from hepy import _devices, paillier
from hepy import _limbs as limb
from hepy._devices import zeroing
from hepy.paillier.keys import Purpose
from hepy.random import Stream

BITS = 512
PLAIN = [3**150 + 1, 5**100 + 2]  # long enough not to appear by chance


@pytest.fixture
def native():
    """The emulator, which keeps copies of what becomes free."""
    gc.collect()  # what other tests left
    with hepy.device("emulator") as here:
        here.native.keep_freed(True)
        here.native.take_freed()
        yield here.native
        here.native.keep_freed(False)
        here.native.take_freed()


def without_tables(key):
    """The same key, for which tables are made anew and dropped with it."""
    public = key.public_key
    return paillier.PrivateKey(paillier.PublicKey(public.n, key.variant, public.h, insecure=True), key._secret)


def work(key, seed):
    """All that secrets take part in."""
    x = key.public_key.encrypt(PLAIN, value_bits=300, seed=seed("obfuscators"))
    y = key.encrypt(PLAIN, value_bits=300, seed=seed("obfuscators")).add(PLAIN, value_bits=300)
    assert key.decrypt((x + y).rerandomize(seed=seed("again")) * 5).tolist() == [15 * value for value in PLAIN]


def forms(number, root):
    """A residue modulo a secret square as devices may hold it: canonical, and the numbers of pairs a + b root in Montgomery
    form. Of each of these several integers fit its half of the container; where a is greater by the root, b is less by 1."""
    square = root * root
    limbs = _devices.resolve("emulator").native.bigint.limbs(0, limb.width(square.bit_length()), True)
    b, a = divmod((number << 16 * limbs) % square, root)
    seconds = [(b - k) % root + j * root for k in range(4) for j in range(3)]
    return [number % square, *seconds, *(a + k * root for k in range(4))]


def forms_modulo_n(number, n):
    """The same without a, which is no secret modulo n: an obfuscator has that of its ciphertext, 1 + m n has R mod n."""
    return forms(number, n)[:-4]


def secrets(key, seed):
    """Numbers that nobody may find, by what they are."""
    p, q, n = key._secret.p, key._secret.q, key.public_key.n
    bits = key.public_key._variant.exponent_bits(BITS)
    draw = Stream(seed("obfuscators")).draw(Purpose.OBFUSCATOR, len(PLAIN), bits)
    with hepy.device("cpu"):
        randomizers = draw.uniform_bits(0, 2) if key.public_key.h else draw.uniform_below(n, 0, 2)
        obfuscators = [int(x) for x in key.public_key.obfuscators(randomizers, bits).to_ints()]
    constants = [form for prime in (p, q) for form in (prime * prime, *forms(1, prime)[1:])]  # R modulo p^2
    sides = (key.crt._p, key.crt._q)
    return {
        "primes": [p, q, *constants],
        "decryption exponents": [side.order for side in sides],
        "randomizers": limb.to_ints(randomizers),
        "obfuscators": [form for x in obfuscators for form in forms_modulo_n(x, n)],
        "obfuscators modulo p^2": [form for x in obfuscators for form in forms(x, p)],
        "plaintexts": PLAIN,
        "embedded plaintexts": [form for m in PLAIN for form in forms_modulo_n(1 + m * n, n)],
    }


def seen(numbers, contents):
    """Which of these numbers stand somewhere, by their lowest four words."""
    everything = b"".join(contents)
    sizes = [4 * min(4, limb.width(number.bit_length())) for number in numbers]
    patterns = [(number % 2**128).to_bytes(16, "little")[:size] for number, size in zip(numbers, sizes, strict=True)]
    return [number for number, pattern in zip(numbers, patterns, strict=True) if pattern in everything]


def test_dropped_memory_tells_no_secret(native, any_key, seed):
    key = without_tables(any_key)
    wanted = secrets(key, seed)
    native.take_freed()
    work(key, seed)
    del key
    gc.collect()
    contents = native.take_freed()
    assert len(contents) > 50
    assert [name for name, numbers in wanted.items() if seen(numbers, contents)] == []


def test_the_search_finds_secrets_that_are_not_zeroed(native, key, seed, monkeypatch):
    key = without_tables(key)
    wanted = secrets(key, seed)
    monkeypatch.setattr(zeroing, "wanted", lambda: False)
    work(key, seed)
    del key
    gc.collect()
    contents = native.take_freed()
    del wanted["embedded plaintexts"]  # they are never made: obfuscators are multiplied by plaintexts
    assert [name for name, numbers in wanted.items() if not seen(numbers, contents)] == []


def test_decryption_leaves_nothing_but_zeros(native, key):
    x = key.public_key.encrypt(np.arange(3))
    gc.collect()
    native.take_freed()
    key.decrypt(x)
    gc.collect()
    contents = native.take_freed()
    assert contents
    assert not any(content.strip(b"\0") for content in contents)

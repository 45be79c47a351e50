"""ckks.plan against what then happens: levels, keys, bytes, precision, and the bound that no error exceeds."""

import numpy as np
import pytest

import hepy
from hepy import ckks

P = ckks.Parameters(log_n=10, depth=4, scale_bits=40, security=None, digits=3)
WEIGHTS = np.random.default_rng(3).uniform(-1, 1, 512)


@pytest.fixture(scope="module")
def context():
    return ckks.Context(P)


def polynomial(x):
    return (x * x + x) * x - 0.5 * x


def statistics(x, y):
    mean = (x * y * WEIGHTS).inner_sum() * (1 / 512)
    return mean, (x - mean) ** 2


def repeated(x):
    """Correlated errors: an account that takes them as independent would be wrong by a factor of 11."""
    total = x
    for _ in range(127):
        total = total + x
    return (total * (1 / 128)).rotate(3) ** 2


def batches(x):
    return ckks.concatenate([x, x * x]).sum(0).rotate([1, -2])[1]


CIRCUITS = [polynomial, statistics, repeated, batches]


def inputs_of(function):
    count = function.__code__.co_argcount
    shape = (3, 512) if function is batches else (512,)
    return [ckks.Input(shape=shape) for _ in range(count)]


def run(context, function, sign=None):
    """Results, and what they are in the clear."""
    generator = np.random.default_rng(5)
    plain = [generator.uniform(-1, 1, given.shape) for given in inputs_of(function)]
    if sign is not None:
        plain = [np.sign(values) for values in plain]
    encrypted = [context.public().encrypt(values) for values in plain]
    clear = [_Clear(values) for values in plain]
    wanted = {
        polynomial: lambda x: (x * x + x) * x - 0.5 * x,
        statistics: lambda x, y: ((x * y * WEIGHTS).sum(keepdims=True) / 512, (x - (x * y * WEIGHTS).sum() / 512) ** 2),
        repeated: lambda x: np.roll(x, -3) ** 2,
        batches: lambda x: np.roll((x + x * x).sum(axis=0), 2),
    }[function](*(c.values for c in clear))
    server = hepy.loads(hepy.dumps(context.public(rotations=ckks.plan(function, P, inputs_of(function)).rotations)))
    received = [hepy.loads(hepy.dumps(x), server) for x in encrypted]
    results = function(*received)
    return (results, wanted) if isinstance(results, tuple) else ((results,), (wanted,))


class _Clear:
    def __init__(self, values):
        self.values = values


@pytest.mark.parametrize("function", CIRCUITS)
@pytest.mark.parametrize("sign", [None, True])
def test_a_plan_says_what_happens(context, function, sign):
    results, wanted = run(context, function, sign)
    for rerandomized in (False, True):
        plan = ckks.plan(function, P, inputs_of(function), rerandomized=rerandomized)
        assert plan.rerandomized == rerandomized
        for result, output, want in zip(results, plan.outputs, wanted, strict=True):
            sent = result.rerandomize() if rerandomized else result
            assert (sent.shape, sent.level, sent.scale) == (output.shape, output.level, output.scale)
            assert sent.precision_bits == pytest.approx(output.precision_bits) or function is statistics
            assert len(hepy.dumps(sent, rerandomize=False)) == pytest.approx(output.bytes, abs=1024)
            error = np.abs(context.decrypt(sent) - want).max()
            assert error <= output.noise_bound
            assert output.noise_bound < 2.0**-2
    assert plan.levels == P.depth - min(result.level for result in results)


def test_a_plan_names_the_keys_and_no_others(context):
    plan = ckks.plan(statistics, P)
    assert plan.rotations == tuple(2**i for i in range(9)) and plan.relinearization and not plan.conjugation
    assert plan.key_bytes == context.public_bytes(plan.rotations, encryption=False)
    assert ckks.plan(lambda x: x.rotate([3, 5])[0] + 1, P).rotations == (3, 5)
    assert not ckks.plan(lambda x: x * 0.5, P).relinearization
    assert ckks.plan(lambda z: z.conjugate(), P, [ckks.Input(is_complex=True)]).conjugation


def test_a_plan_points_at_the_operation_that_spends_most():
    def circuit(x):
        y = x + x
        return y * 100.0

    plan = ckks.plan(circuit, P)
    assert plan.costliest.name == "plaintext product"
    assert "test_planning.py" in plan.costliest.where
    assert plan.costliest.lost_bits == pytest.approx(6.6, abs=0.6)
    text = str(plan)
    assert "2 operations, 1 of 4 levels" in text and plan.costliest.where in text


def test_a_plan_warns_of_values_beyond_the_range():
    plan = ckks.plan(lambda x: (x + x) ** 16, P, [ckks.Input(bound=2)])
    assert plan.overflow is not None and "OVERFLOW" in str(plan)
    assert ckks.plan(polynomial, P).overflow is None


@pytest.mark.parametrize(("power", "levels"), [(32, 5), (100, 7)])
def test_a_circuit_that_is_too_deep_is_told_what_it_needs(power, levels):
    with pytest.raises(
        hepy.LevelError, match=rf"needs {levels} levels and the parameters have 4: use .*depth={levels}"
    ):
        ckks.plan(lambda x: x**power, P)
    deep = ckks.Parameters(log_n=10, depth=levels, scale_bits=40, security=None)
    assert ckks.plan(lambda x: x**power, deep).levels == levels


def test_errors_of_a_circuit_are_those_of_its_operations():
    with pytest.raises(hepy.ParameterError, match="broadcast"):
        ckks.plan(lambda x: x + np.zeros(7), P)
    with pytest.raises(hepy.ParameterError, match="returns ciphertexts"):
        ckks.plan(lambda x: 1, P)
    with pytest.raises(hepy.ParameterError, match="at least one"):
        ckks.plan(lambda x: (), P)


def test_the_bound_of_coefficients_takes_all_of_them_for_one_slot():
    """At a root next to 1, coefficients of one sign add up: a plaintext makes the error of every slot that much larger."""
    inputs = [ckks.Input(shape=(64,), in_coefficients=True)]
    plain = np.linspace(0.5, 1, 64)

    def bound(function, inputs=inputs):
        return ckks.plan(function, P, inputs, rerandomized=False).noise_bound

    alone = bound(lambda x: x)
    assert bound(lambda x: x * plain) > plain.sum() * alone
    assert bound(lambda x: x.multiply(plain, bound=1)) > 64 * alone
    # Two inputs of 64 coefficients up to 1: either one multiplies the other's error by up to 64.
    assert bound(lambda x, y: x * y, 2 * inputs) > 2 * 64 * alone


def test_symmetric_inputs_have_less_noise():
    owner = ckks.plan(lambda x: x, P, [ckks.Input(symmetric=True)])
    anyone = ckks.plan(lambda x: x, P, [ckks.Input()])
    assert owner.noise_bound < anyone.noise_bound and owner.precision_bits > anyone.precision_bits
    assert owner.input_bytes < anyone.input_bytes


def test_rerandomizing_a_result_adds_to_its_error():
    """By more than all that the owner's encryption may have: a bound that forgot it would be exceeded."""
    parameters = ckks.Parameters(log_n=14, depth=1, scale_bits=40, security=None)
    owner = ckks.Context(parameters, seed=bytes(32))
    inputs = [ckks.Input(symmetric=True)]
    x = owner.encrypt(np.ones(8192), seed=bytes(32))
    sent = hepy.loads(hepy.dumps(-x, seed=bytes(32)), owner)
    error = np.abs(owner.decrypt(sent) + 1).max()
    assert error > ckks.plan(lambda x: -x, parameters, inputs, rerandomized=False).noise_bound
    assert error <= ckks.plan(lambda x: -x, parameters, inputs).noise_bound
    once = ckks.plan(lambda x: (-x).rerandomize(), parameters, inputs)  # is fresh: nobody adds to it
    assert once.noise_bound == ckks.plan(lambda x: -x, parameters, inputs).noise_bound


def test_a_result_that_is_sent_is_relinearized_before():
    lazy = ckks.plan(lambda x: x.multiply(x, lazy=True), P)
    assert lazy.relinearization and lazy.output_bytes == P.ciphertext_bytes()
    kept = ckks.plan(lambda x: x.multiply(x, lazy=True), P, rerandomized=False)
    assert not kept.relinearization and kept.output_bytes == 3 * P.ciphertext_bytes() // 2


def test_levels_count_from_the_highest_input():
    low = ckks.Input(level=2)
    assert ckks.plan(lambda x: x * x, P, [low]).levels == 1
    assert ckks.plan(lambda x, y: x * y, P, [low, ckks.Input()]).levels == 3  # to 2, where the other is, and one more
    with pytest.raises(
        hepy.LevelError, match=r"needs 3 levels and its inputs are at level 2: encrypt them at a higher"
    ):
        ckks.plan(lambda x: x**8, P, [low])
    with pytest.raises(hepy.LevelError, match=r"needs 5 levels and the parameters have 4: use .*depth=5"):
        ckks.plan(lambda x: x**32, P, [low])


@pytest.mark.parametrize("bound", [0, -1, np.nan, np.inf, 1e9, "1", None])
def test_bounds_of_inputs_are_what_can_be_declared(bound):
    """A negative one would make the noise of shared results too small."""
    with pytest.raises(hepy.ParameterError, match="bound is a number above 0"):
        ckks.plan(lambda x: x, P, [ckks.Input(bound=bound)])


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((5, P), "function of ciphertexts"),
        ((lambda x: x, 5), "Parameters"),
        ((lambda x: x, P, 5), "sequence of"),
        ((lambda x: x, P, [(4,)]), "sequence of"),
        ((lambda x: x, P, [ckks.Input(shape=5)]), "shape"),
        ((lambda x: x, P, [ckks.Input(shape=())]), "shape"),
        ((lambda x: x, P, [ckks.Input(shape=(-1, 4))]), "shape"),
        ((lambda *x: x[0], P), r"inputs=\["),
        ((max, P), r"inputs=\["),
    ],
)
def test_what_cannot_be_planned_is_refused(arguments, match):
    with pytest.raises(hepy.ParameterError, match=match):
        ckks.plan(*arguments)

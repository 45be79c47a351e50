"""Results to share: the noise's distribution, its reproduction, the budget, and what is refused."""

import itertools
import math

import mpmath
import numpy as np
import pytest
from scipy import stats

import hepy
from hepy import ckks
from hepy.ckks import sharing
from hepy.ring import RingBasis, primes

P = ckks.Parameters(log_n=6, depth=1, scale_bits=60, security=None)


def circuit(x, y):
    return x + y


PLAN = ckks.plan(circuit, P, [ckks.Input(shape=(2, 32), symmetric=True)] * 2)


@pytest.fixture
def context():
    return ckks.Context(P, shared_budget=100)


@pytest.fixture
def result(context, values):
    a, b = values(2, 32), values(2, 32)
    return circuit(context.encrypt(a), context.encrypt(b)), a + b


def test_a_shared_result_is_right_and_noisy(context, result):
    x, want = result
    got = context.decrypt(x, shared=True, plan=PLAN)
    errors = got - want
    sigma = sharing.deviation(64, 100, PLAN.noise_bound * x.scale, 40) / x.scale * math.sqrt(32)
    assert 0.5 * sigma < errors.std() < 2 * sigma
    assert np.abs(context.decrypt(x) - want).max() < 2.0**-45  # the owner's own eyes see it clear


def test_the_same_ciphertext_has_the_same_noise_wherever_it_stands(context, result):
    x, _ = result
    both = context.decrypt(x, shared=True, plan=PLAN)
    assert (context.decrypt(x, shared=True, plan=PLAN) == both).all()
    single = ckks.plan(lambda x, y: (x + y)[1], P, [ckks.Input(shape=(2, 32), symmetric=True)] * 2)
    assert (context.decrypt(x[1], shared=True, plan=single) == both[1]).all()
    assert (context.decrypt(x, shared=True, plan=PLAN, statistical_bits=30) != both).all()
    again = hepy.loads(hepy.dumps(context, unencrypted=True))
    moved = hepy.loads(hepy.dumps(x, rerandomize=False), again)
    assert (again.decrypt(moved, shared=True, plan=PLAN) == both).all()


def test_the_budget_is_spent_and_saved(context, result):
    x, _ = result
    for left in (98, 96):
        context.decrypt(x, shared=True, plan=PLAN)
        assert context.shared_left == left
    loaded = hepy.loads(hepy.dumps(context, unencrypted=True))
    assert loaded.shared_left == 96
    loaded._sharing.spent = 99
    with pytest.raises(hepy.ParameterError, match=r"2 shared decryptions exceed .* 1 of 100"):
        loaded.decrypt(hepy.loads(hepy.dumps(x, rerandomize=False), loaded), shared=True, plan=PLAN)
    assert loaded.shared_left == 1


def test_what_is_refused(context, result, toy):
    x, _ = result
    with pytest.raises(hepy.ParameterError, match=r"plan=ckks\.plan"):
        context.decrypt(x, shared=True)
    with pytest.raises(hepy.ParameterError, match="shared=True"):
        context.decrypt(x, plan=PLAN)
    with pytest.raises(hepy.ParameterError, match="another circuit"):
        context.decrypt(x[0], shared=True, plan=PLAN)
    with pytest.raises(hepy.ParameterError, match="the plan is for"):
        context.decrypt(x, shared=True, plan=ckks.plan(circuit, toy.parameters))
    wide = ckks.plan(circuit, P, [ckks.Input(shape=(2, 32), bound=400)] * 2)
    with pytest.raises(hepy.ParameterError, match="range"):
        context.decrypt(x, shared=True, plan=wide)
    with pytest.raises(hepy.ParameterError, match="statistical_bits"):
        context.decrypt(x, shared=True, plan=PLAN, statistical_bits=5)
    with pytest.raises(hepy.ParameterError, match=r"of the 30 asked for.*is not offered"):
        context.decrypt(x, shared=True, plan=PLAN, bits=30)
    with pytest.raises(hepy.ParameterError, match="shared_budget"):
        ckks.Context(P).decrypt(x, shared=True, plan=PLAN)
    with pytest.raises(hepy.ParameterError, match="shared_budget"):
        ckks.Context(P, shared_budget=-1)
    assert context.shared_left == 100


def test_a_scale_that_would_do_is_named():
    small = ckks.Parameters(log_n=6, depth=1, scale_bits=40, security=None)
    context, plan = ckks.Context(small, shared_budget=1), ckks.plan(circuit, small, [ckks.Input(symmetric=True)] * 2)
    x = circuit(context.encrypt(np.zeros(32)), context.encrypt(np.zeros(32)))
    with pytest.raises(hepy.ParameterError, match=r"scale_bits=(45|50|55) would do") as refusal:
        context.decrypt(x, shared=True, plan=plan)
    scale = int(str(refusal.value).split("scale_bits=")[1][:2])
    larger = ckks.Parameters(log_n=6, depth=1, scale_bits=scale, security=None)
    context, plan = ckks.Context(larger, shared_budget=1), ckks.plan(circuit, larger, [ckks.Input(symmetric=True)] * 2)
    x = circuit(context.encrypt(np.zeros(32)), context.encrypt(np.zeros(32)))
    assert np.abs(context.decrypt(x, shared=True, plan=plan)).max() < 2.0**-7


@pytest.mark.parametrize("sigma", [1.0, 3.2, 3.3, 100.0, 12345.6, 2.0**40, 3.7e17])
def test_multipliers_reach_the_deviation_without_gaps(sigma):
    factors = sharing.multipliers(sigma)
    assert factors[0] == 1
    assert all(a <= 2 * b for b, a in itertools.pairwise(factors))
    reached = 3.2 * math.sqrt(sum(f * f for f in factors))
    assert sigma <= reached <= max(1.05 * sigma, 4.6)  # one more makes a small one larger by a root of 2


def test_the_noise_is_gaussian_and_wide():
    basis = RingBasis(primes(2**30, degree=2**14, count=3), degree=2**14)
    factors = sharing.multipliers(2.0**45)
    drawn = [sharing.noise(bytes(32), bytes([i]) * 32, factors, basis).to_floats() for i in range(4)]
    sigma = 3.2 * math.sqrt(sum(f * f for f in factors))
    sample = np.concatenate(drawn) / sigma
    assert stats.kstest(sample, "norm").pvalue > 1e-3
    assert stats.kstest(np.mod(np.concatenate(drawn), 1024) / 1024, "uniform").pvalue > 1e-3  # low bits too
    assert abs(np.corrcoef(drawn)[0, 1:]).max() < 0.05


@pytest.mark.parametrize("statistical_bits", [4, 10, 20, 40])
@pytest.mark.parametrize("budget", [1, 100])
def test_the_best_adversary_gains_what_the_proof_says(statistical_bits, budget):
    """Errors that fill the bound and point away from each other in the two worlds, in all results: the worst that there is.

    Their likelihoods depend on one projection of what is seen: a normal number, whose mean is +-shift. The best adversary
    answers where it is large, and gives up elsewhere. Its advantage, answers times (2 right - 1)^2 (Micciancio and Walter,
    EUROCRYPT 2018), stays below 2^-s / 8, and within a factor of two of that: the noise is no more than it has to be.
    """
    degree, bound = 1 << 13, 1000.0
    sigma = sharing.deviation(degree, budget, bound, statistical_bits)
    shift = mpmath.sqrt(budget) * (bound + mpmath.sqrt(degree) / 2) / sigma
    best = 0
    for threshold in mpmath.arange(0, 4, 0.05):
        right = mpmath.erfc((threshold - shift) / mpmath.sqrt(2)) / 2
        wrong = mpmath.erfc((threshold + shift) / mpmath.sqrt(2)) / 2
        best = max(best, (right - wrong) ** 2 / (right + wrong))
    assert 1 / 16 < best * 2**statistical_bits < 1 / 8

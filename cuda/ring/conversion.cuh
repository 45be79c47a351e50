// A coefficient modulo one prime of a digit: what conversions to other primes and to integers begin with.
#pragma once
#include "ring/conversion.hpp"
#include "ring/modular.cuh"

namespace hepy::ring {

// x / 2^32 mod q, x < 2^32 q -> [0, q). The lower word of the sum is 0; why it is added stands at montgomery_lazy.
HEPY_DEVICE Word montgomery(Wide x, Word q, Word minus_inverse) {
  const Wide sum = runtime::mad_wide(Word(x) * minus_inverse, q, x);
  return reduce_once(Word(sum >> 32) + Word(sum), q);
}

// x, any word -> y = x q / D mod q, the numerator of a fraction y / q: [0, q).
HEPY_DEVICE Word numerator(Word x, const Incoming& q) {
  return montgomery(runtime::mad_wide(x, q.factor, 0), q.q, q.minus_inverse);
}

// y / q in units of 2^-32, as RingKernels.convert rounds it: y < q < 2^b, reciprocal < 2^32.
HEPY_DEVICE Wide fraction(Word y, const Incoming& q) { return runtime::mad_wide(y, q.reciprocal, 0) >> q.shift; }

// The sum of fractions begins with one half, so that its upper word is rounded.
constexpr Wide kHalf = Wide(1) << 31;

}  // namespace hepy::ring

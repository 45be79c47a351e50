// One residue at a time: sums, and products by Montgomery's method. Primes are odd and below 2^31.
//
// Montgomery (1985), with the multiple of q that makes the low word 0: a product is three multiplies, of which two are
// 32 x 32 + 64 -> 64 and one is low, all at the full rate of the GPU's multiply pipe.
#pragma once
#include "ring/ring.hpp"
#include "runtime/runtime.cuh"

namespace hepy::ring {

using Word = std::uint32_t;
using Wide = std::uint64_t;

// x < 2 bound -> x mod bound, in [0, bound): x - bound wraps above x where x < bound.
HEPY_DEVICE Word reduce_once(Word x, Word bound) { return runtime::add_min(x, 0u - bound, x); }

// [0, q) each -> [0, q).
HEPY_DEVICE Word add(Word x, Word y, Word q) { return reduce_once(x + y, q); }           // [0, 2q)
HEPY_DEVICE Word subtract(Word x, Word y, Word q) { return reduce_once(x - y + q, q); }  // (0, 2q)
HEPY_DEVICE Word negate(Word x, Word q) { return reduce_once(q - x, q); }                // (0, q]

// x / 2^32 mod q, x < 2^32 q -> [0, 2q): x + m q < 2^32 q + 2^32 q <= 2^64, and its low word is 0. Where nobody reads
// that word, ptxas takes the sum apart into two products and a chain of carries, so it is given back with the other: to
// be added to something that is added up anyway.
struct Quotient {
  Word word, zero;
};
HEPY_DEVICE Quotient montgomery_parts_lazy(Wide x, const Prime& p) {
  const Wide sum = runtime::mad_wide(Word(x) * p.minus_inverse, p.q, x);
  return {Word(sum >> 32), Word(sum)};
}
HEPY_DEVICE Word montgomery_lazy(Wide x, const Prime& p) {
  const Quotient quotient = montgomery_parts_lazy(x, p);
  return quotient.word + quotient.zero;
}

// a b / 2^32 mod q -> [0, 2q), for any word a and b < q: a b < 2^32 q. With b in Montgomery form, a times what b stands
// for.
HEPY_DEVICE Word product_lazy(Word a, Word b, const Prime& p) { return montgomery_lazy(runtime::mad_wide(a, b, 0), p); }
HEPY_DEVICE Word product(Word a, Word b, const Prime& p) { return reduce_once(product_lazy(a, b, p), p.q); }

// a, any word, to its Montgomery form in [0, q).
HEPY_DEVICE Word to_montgomery(Word a, const Prime& p) { return product(a, p.radix_squared, p); }

// a b mod q of plain residues, in [0, q): over 2^32, then times 2^64 over 2^32.
HEPY_DEVICE Word multiply(Word a, Word b, const Prime& p) { return to_montgomery(product_lazy(a, b, p), p); }

// Any 64-bit sum -> a number that is it modulo q, below 2^32 q: high (2^32 mod q) + low <= (2^32 - 1)(q - 1) + 2^32
// - 1.
HEPY_DEVICE Wide fold_lazy(Wide sum, const Prime& p) { return runtime::mad_wide(Word(sum >> 32), p.radix, Word(sum)); }

// Any 64-bit sum -> its residue in [0, q): over 2^32, then times 2^64 over 2^32.
HEPY_DEVICE Word reduce(Wide sum, const Prime& p) { return to_montgomery(montgomery_lazy(fold_lazy(sum, p), p), p); }

}  // namespace hepy::ring

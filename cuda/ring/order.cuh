// The order of values in a row, and how automorphisms permute it.
#pragma once
#include "ring/ring.hpp"
#include "runtime/runtime.cuh"

namespace hepy::ring {

// Entry k of a row is the value at psi^(2 j + 1), j = brv(k), and X^g has there the value at psi^((2 j + 1) g): which
// entry that is. So the values of p(X^g) are out[k] = in[order(k)], or out[inverse order(k)] = in[k] with 1 / g mod 2N.
//
// The low bits of (2 j + 1) g follow from those of j, which are the high bits of k: aligned blocks of k come from
// aligned blocks, so that the words a warp reads or writes are one line of memory, in another order. No table is read.
struct ValueOrder {
  unsigned element, log_degree;

  HEPY_DEVICE unsigned reversed(unsigned k) const { return runtime::reverse_bits(k) >> (32 - log_degree); }
  HEPY_DEVICE unsigned operator()(unsigned k) const {
    const unsigned exponent = (2 * reversed(k) + 1) * element & ((2u << log_degree) - 1);
    return reversed(exponent >> 1);
  }
};

// 1 / g mod 2^32 for an odd g. Newton's iteration doubles the bits that are right: g is its own inverse modulo 8.
inline unsigned inverse_of(unsigned element) {
  unsigned inverse = element;
  for (int bits = 3; bits < 32; bits *= 2) inverse *= 2 - element * inverse;
  return inverse;
}

}  // namespace hepy::ring

// The kernels of rows by MULX: products of long rows from those of halves, and the table of what mulx.S does.
#include "rows/kernels.hpp"

namespace hepy::cpu {
namespace {

using Limb = std::uint64_t;

extern "C" {  // mulx.S
void hepy_mulx_multiply(Limb* t, const Limb* a, const Limb* b, std::size_t blocks);
void hepy_mulx_square(Limb* t, const Limb* a, std::size_t blocks);
Limb hepy_mulx_reduce(Limb* out, Limb* t, const Limb* n, std::size_t blocks, Limb inverse);
Limb hepy_mulx_add(Limb* out, const Limb* a, const Limb* b, Limb keep, Limb flip, Limb carry, std::size_t blocks);
// a = -a where mask is all ones.
void hepy_mulx_negate(Limb* a, Limb mask, std::size_t blocks);
}

constexpr std::size_t kBlock = 8;
constexpr Limb kAll = ~Limb(0);
// Blocks from which three products of halves take less time than one of the whole, seen on Zen 3.
constexpr std::size_t kMultiplyInHalves = 6, kSquareInHalves = 8;

// out = |a - b|; returns all ones if it is b - a, else 0.
Limb difference(Limb* out, const Limb* a, const Limb* b, std::size_t blocks) {
  const Limb mask = hepy_mulx_add(out, a, b, kAll, kAll, 1, blocks) - 1;
  hepy_mulx_negate(out, mask, blocks);
  return mask;
}

// t holds products of the lower halves and of the upper halves, of `blocks` blocks each; `cross` the product of
// differences, to be added or subtracted by mask: what comes between is their sum with it. Writes to `sum`.
void join(Limb* t, const Limb* cross, Limb mask, std::size_t blocks, Limb* sum) {
  const std::size_t half = kBlock * blocks;
  Limb carry = hepy_mulx_add(sum, t, t + 2 * half, kAll, 0, 0, 2 * blocks);
  carry += hepy_mulx_add(sum, sum, cross, kAll, mask, mask & 1, 2 * blocks) - (mask & 1);
  carry += hepy_mulx_add(t + half, t + half, sum, kAll, 0, 0, 2 * blocks);
  for (std::size_t i = 3 * half; i < 4 * half; ++i) {
    t[i] += carry;
    carry = t[i] < carry;
  }
}

// Karatsuba and Ofman (1962), with differences: a0 b1 + a1 b0 = a0 b0 + a1 b1 - (a0 - a1)(b0 - b1).
void multiply(Limb* t, const Limb* a, const Limb* b, std::size_t blocks, Limb* scratch) {
  if (blocks < kMultiplyInHalves || blocks % 2 != 0) return hepy_mulx_multiply(t, a, b, blocks);
  const std::size_t halves = blocks / 2, half = kBlock * halves;
  Limb *const cross = scratch, *const rest = scratch + 2 * half;
  const Limb left = difference(t, a, a + half, halves), right = difference(t + half, b, b + half, halves);
  multiply(cross, t, t + half, halves, rest);
  multiply(t, a, b, halves, rest);
  multiply(t + 2 * half, a + half, b + half, halves, rest);
  join(t, cross, ~(left ^ right), halves, rest);
}

void square(Limb* t, const Limb* a, std::size_t blocks, Limb* scratch) {
  if (blocks < kSquareInHalves || blocks % 2 != 0) return hepy_mulx_square(t, a, blocks);
  const std::size_t halves = blocks / 2, half = kBlock * halves;
  Limb *const cross = scratch, *const rest = scratch + 2 * half;
  difference(t, a, a + half, halves);
  square(cross, t, halves, rest);
  square(t, a, halves, rest);
  square(t + 2 * half, a + half, halves, rest);
  join(t, cross, kAll, halves, rest);
}

}  // namespace

const RowKernels kMulxRows{&multiply, &square, &hepy_mulx_reduce, &hepy_mulx_add};

}  // namespace hepy::cpu

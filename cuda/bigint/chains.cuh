// Chains of limb products and of additions, with one carry running through.
//
// Products come in pairs of words, so that each becomes one IMAD.WIDE.U32.X with the carry in a predicate. Counts are
// known when compiled, by template or because the caller is unrolled.
#pragma once
#include "runtime/arithmetic.cuh"

namespace hepy::bigint {

using Limb = std::uint32_t;

// acc[j], acc[j+1] += x[j] y for j = 0, 2, ... below `count`. What leaves the last pair goes on into `next`, and from
// there into `carry`: the two words above the pair.
HEPY_DEVICE void mad_chain(Limb* acc, const Limb* x, Limb y, int count, Limb& next, Limb& carry) {
  runtime::Carry flag;
  runtime::mad_wide_cc(acc[0], acc[1], x[0], y, acc[0], acc[1], flag);
  HEPY_UNROLL
  for (int j = 2; j < count; j += 2) runtime::madc_wide_cc(acc[j], acc[j + 1], x[j], y, acc[j], acc[j + 1], flag);
  next = runtime::addc_cc(next, 0, flag);
  carry = runtime::addc(carry, 0, flag);
}

// The same where only a small word stands above the pair.
HEPY_DEVICE void mad_chain(Limb* acc, const Limb* x, Limb y, int count, Limb& carry) {
  runtime::Carry flag;
  runtime::mad_wide_cc(acc[0], acc[1], x[0], y, acc[0], acc[1], flag);
  HEPY_UNROLL
  for (int j = 2; j < count; j += 2) runtime::madc_wide_cc(acc[j], acc[j + 1], x[j], y, acc[j], acc[j + 1], flag);
  carry = runtime::addc(carry, 0, flag);
}

// low += acc[1]; then, with that carry, acc[j], acc[j+1] = acc[j+2], acc[j+3] + x[j] y for j = 0, 2, ... below `count`,
// where (top, over) is the pair beyond the end. Returns the carry out of the last pair.
template <int count>
HEPY_DEVICE Limb mad_chain_shift(Limb& low, Limb* acc, const Limb* x, Limb y, Limb top, Limb over) {
  runtime::Carry flag;
  low = runtime::add_cc(low, acc[1], flag);
  HEPY_UNROLL
  for (int j = 0; j < count - 2; j += 2)
    runtime::madc_wide_cc(acc[j], acc[j + 1], x[j], y, acc[j + 2], acc[j + 3], flag);
  runtime::madc_wide_cc(acc[count - 2], acc[count - 1], x[count - 2], y, top, over, flag);
  return runtime::addc(0, 0, flag);
}

// acc[2j], acc[2j+1] += x[j]^2 for j below `count`; returns the carry out.
template <int count>
HEPY_DEVICE Limb square_chain(Limb* acc, const Limb* x) {
  runtime::Carry flag;
  runtime::mad_wide_cc(acc[0], acc[1], x[0], x[0], acc[0], acc[1], flag);
  HEPY_UNROLL
  for (int j = 1; j < count; ++j) {
    runtime::madc_wide_cc(acc[2 * j], acc[2 * j + 1], x[j], x[j], acc[2 * j], acc[2 * j + 1], flag);
  }
  return runtime::addc(0, 0, flag);
}

// x[j] += y[j] for j below `count`; returns the carry out.
template <int count>
HEPY_DEVICE Limb add_chain(Limb* x, const Limb* y) {
  runtime::Carry flag;
  x[0] = runtime::add_cc(x[0], y[0], flag);
  HEPY_UNROLL
  for (int j = 1; j < count; ++j) x[j] = runtime::addc_cc(x[j], y[j], flag);
  return runtime::addc(0, 0, flag);
}

// x += y for one word y; returns the carry out.
template <int count>
HEPY_DEVICE Limb add_word(Limb* x, Limb y) {
  runtime::Carry flag;
  x[0] = runtime::add_cc(x[0], y, flag);
  HEPY_UNROLL
  for (int j = 1; j < count; ++j) x[j] = runtime::addc_cc(x[j], 0, flag);
  return runtime::addc(0, 0, flag);
}

}  // namespace hepy::bigint

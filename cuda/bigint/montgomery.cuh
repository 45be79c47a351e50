// The Montgomery product over a group of lanes, with one fused multiply for each limb product.
//
// A lane's accumulator is two arrays one limb apart, so that every 64-bit product lands on an aligned pair of words:
//   value(lane) = sum even[j] 2^(32 j) + sum odd[j] 2^(32 (j + 1)).
// A row adds a b_i, then q n with q chosen to clear the lowest limb of lane 0, then divides by 2^32: `even` and `odd`
// change roles (hence rows in pairs), each lane's lowest word moves to its lower neighbour, and that word and the
// carries so far are the addend of the next row's last product: the shift costs one shuffle and no addition.
//
// Values are below R = 2^(32 total), not below n: (a b + q n) / R < R + n for a, b < R and q < R, so one subtraction
// of n, decided by one carry, brings a product back below R, also where n fills its limbs (Montgomery, Math. Comp. 44
// (1985); rows interleaved as in CIOS of Koc, Acar and Kaliski, IEEE Micro 16 (1996)).
#pragma once
#include "bigint/group.cuh"

namespace hepy::bigint {

// Rows in a straight line. At the end of a loop's body the compiler moves accumulators about, some on the multiply
// pipe: with 2 rows of a product 63 % of the pipe's time was left for limb products, with 16 it is 95 to 97 %. Rows of
// a reduction are half as long. Much longer bodies would leave the instruction cache.
template <class Shape>
constexpr int kProductRows = Shape::limbs <= 24 ? Shape::limbs : 16;
template <class Shape>
constexpr int kReductionRows = Shape::limbs <= 16 ? 2 * Shape::limbs : Shape::limbs;

// What one lane holds between rows; see the head of the file.
template <int L>
struct Accumulator {
  Limb even[L], odd[L];
  Limb incoming = 0;  // the word that the shift brings into column L - 1
  Limb carry = 0;     // what stands in column L

  HEPY_DEVICE Accumulator() {
    HEPY_UNROLL
    for (int j = 0; j < L; ++j) even[j] = odd[j] = 0;
  }

  // The limbs of the value after an even number of rows, with the last shift; returns what belongs to column L.
  HEPY_DEVICE Limb assemble(Limb* r) const {
    Limb shifted[L];
    HEPY_UNROLL
    for (int j = 0; j < L; ++j) {
      r[j] = even[j];
      shifted[j] = j < L - 1 ? odd[j + 1] : incoming;
    }
    return carry + add_chain<L>(r, shifted);
  }
};

// The shift that the row before left to do, and += x y. What leaves the even chain joins `carry`, which the odd chain's
// last product then takes in as the word above `incoming`.
template <int L>
HEPY_DEVICE void shift_and_add(Limb* even, Limb* odd, Limb incoming, Limb& carry, const Limb* x, Limb y) {
  mad_chain(even, x, y, L, carry);
  carry = mad_chain_shift<L>(even[0], odd, x + 1, y, incoming, carry);
}

// The word that leaves column 0 goes to the lower neighbour; nothing enters at the top of the integer.
template <int T>
HEPY_DEVICE Limb shift_down(Limb word, int lane) {
  const Limb received = __shfl_down_sync(kAllLanes, word, 1, T);
  return lane == T - 1 ? 0 : received;
}

template <class Shape>
HEPY_DEVICE void product_row(const Group<Shape>& group, Limb* even, Limb* odd, Limb& incoming, Limb& carry,
                             const Limb* a, Limb b, const Limb* n) {
  constexpr int T = Shape::threads, L = Shape::limbs;
  shift_and_add<L>(even, odd, incoming, carry, a, b);
  const Limb q = __shfl_sync(kAllLanes, even[0] * group.minus_n_inverse, 0, T);
  mad_chain(odd, n + 1, q, L, carry);
  mad_chain(even, n, q, L, odd[L - 1], carry);
  incoming = shift_down<T>(even[0], group.lane);
}

template <class Shape>
HEPY_DEVICE void reduction_row(const Group<Shape>& group, Limb* even, Limb* odd, Limb& incoming, Limb& carry,
                               const Limb* n) {
  constexpr int T = Shape::threads, L = Shape::limbs;
  const Limb q = __shfl_sync(kAllLanes, (even[0] + odd[1]) * group.minus_n_inverse, 0, T);
  shift_and_add<L>(even, odd, incoming, carry, n, q);
  incoming = shift_down<T>(even[0], group.lane);
}

// r = a b / R modulo n, all below R. b is the whole integer in shared memory, a this lane's limbs; r may be a. Of
// `rows`, a multiple of kProductRows: r = a b / 2^(32 rows), for b below 2^(32 rows).
template <class Shape>
HEPY_DEVICE void product(const Group<Shape>& group, Limb* r, const Limb* a, const Limb* b, int rows = Shape::total) {
  constexpr int L = Shape::limbs;
  Limb n[L];
  load_words<L>(n, group.modulus);
  Accumulator<L> sum;
  HEPY_ROLLED
  for (int at = 0; at < rows; at += kProductRows<Shape>) {
    const Limb* const limbs = b + at / L * Shape::pitch + at % L;
    HEPY_UNROLL
    for (int i = 0; i < kProductRows<Shape>; i += 4) {
      Limb word[4];
      load_words<4>(word, limbs + i);
      product_row(group, sum.even, sum.odd, sum.incoming, sum.carry, a, word[0], n);
      product_row(group, sum.odd, sum.even, sum.incoming, sum.carry, a, word[1], n);
      product_row(group, sum.even, sum.odd, sum.incoming, sum.carry, a, word[2], n);
      product_row(group, sum.odd, sum.even, sum.incoming, sum.carry, a, word[3], n);
    }
  }
  const Limb over = sum.assemble(r);
  group.settle(r, over);
}

// The value x in sum.even, with what sum.odd[1] holds of the weight of even[0], becomes x / R modulo n: at most n for
// x below R.
template <class Shape>
HEPY_DEVICE void reduce_rows(const Group<Shape>& group, Accumulator<Shape::limbs>& sum) {
  Limb n[Shape::limbs];
  load_words<Shape::limbs>(n, group.modulus);
  HEPY_ROLLED
  for (int at = 0; at < Shape::total; at += kReductionRows<Shape>) {
    HEPY_UNROLL
    for (int i = 0; i < kReductionRows<Shape>; i += 2) {
      reduction_row(group, sum.even, sum.odd, sum.incoming, sum.carry, n);
      reduction_row(group, sum.odd, sum.even, sum.incoming, sum.carry, n);
    }
  }
}

// r = r / R modulo n, the least residue, for r below R. The rows leave (r + q n) / R <= n, and n itself stands for 0.
template <class Shape>
HEPY_DEVICE void reduce(const Group<Shape>& group, Limb* r) {
  constexpr int L = Shape::limbs;
  Accumulator<L> sum;
  HEPY_UNROLL
  for (int j = 0; j < L; ++j) sum.even[j] = r[j];
  reduce_rows(group, sum);
  const Limb over = sum.assemble(r);
  group.resolve(r, over);
  Limb n[L], differing = 0;
  load_words<L>(n, group.modulus);
  HEPY_UNROLL
  for (int j = 0; j < L; ++j) differing |= r[j] ^ n[j];
  const bool is_modulus = group.all(differing == 0);
  HEPY_UNROLL
  for (int j = 0; j < L; ++j) r[j] = is_modulus ? 0 : r[j];
}

}  // namespace hepy::bigint

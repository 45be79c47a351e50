// Residues modulo a square m^2 as pairs a + b m: 5/8 of the limb products of whole residues, 3/4 for squares (Takagi,
// CRYPTO '97).
//
// With R = 2^(32 number), a pair stands for (a + b m) / R mod m^2; a and b are any integers below R. For another pair
// c + d m, Montgomery's rows find q and u with a c + q m = R u. So a c = R u - q m, and the product is
// R u + (a d + b c - q) m, whose second factor is divided by R modulo m in the same way: a d + b c - q + q' m = R v.
// The product over R is u + v m.
//
// - Subtracting q costs nothing. A row's q' is chosen so that its lowest word becomes the word of q, and not 0; a row
//   drops that word.
// - u < R + m, and where it leaves R, m is subtracted from it and 1 added to v.
// - v < 2R + m, with that 1 as well: what leaves R comes back as R mod m.
//
// A lane holds L limbs of each number, one after the other; in shared memory they share its block. The constants n and
// R mod n of a Modulus have the places of a and b: m, R mod m.
#pragma once
#include "bigint/square.cuh"
#include "bigint/sums.cuh"

namespace hepy::bigint {

// The lanes that hold a pair, as a group that computes with numbers modulo m.
template <class Shape>
struct PairGroup : Group<typename Shape::Part> {
  static constexpr int T = Shape::threads, L = Shape::part;
  using Group<typename Shape::Part>::Group;

  // This lane's limbs of R mod m, in shared memory.
  HEPY_DEVICE const Limb* radix() const { return this->modulus + L; }

  // x + beyond R, or when subtracting x - beyond R, becomes a number below R, the same modulo m. `beyond` is at most 2,
  // and where it is 2, x + 3 (R mod m) is below 2R, or x - 3 (R mod m) at least -R. R mod m is below R/2 for every m
  // (see sums.cuh), so x + beyond (R mod m) leaves R once at most, and what is left then is below R - R mod m.
  template <bool subtracting = false>
  HEPY_DEVICE void fold(Limb* x, Limb beyond) const {
    Limb again = this->template accumulate_if<subtracting>(beyond > 0, x, radix());
    again += this->template accumulate_if<subtracting>(beyond > 1, x, radix());
    this->template accumulate_if<subtracting>(again, x, radix());
  }
};

// Rows of a product. first += a c, second += a d + b c; or, when squaring, second += b c, for b that is doubled.
// Parity: how often the arrays of the accumulators have changed roles.
template <class Shape, bool squaring, int parity>
HEPY_DEVICE void pair_row(const PairGroup<Shape>& group, Accumulator<Shape::part>& first,
                          Accumulator<Shape::part>& second, const Limb* a, const Limb* b, Limb c, Limb d,
                          const Limb* m) {
  constexpr int T = Shape::threads, L = Shape::part;
  Limb *const even = parity ? first.odd : first.even, *const odd = parity ? first.even : first.odd;
  Limb *const even2 = parity ? second.odd : second.even, *const odd2 = parity ? second.even : second.odd;
  shift_and_add<L>(even, odd, first.incoming, first.carry, a, c);
  const Limb q = __shfl_sync(kAllLanes, even[0] * group.minus_n_inverse, 0, T);
  if constexpr (squaring) {
    shift_and_add<L>(even2, odd2, second.incoming, second.carry, b, c);
  } else {
    shift_and_add<L>(even2, odd2, second.incoming, second.carry, a, d);
    mad_chain(odd2, b + 1, c, L, second.carry);
    mad_chain(even2, b, c, L, odd2[L - 1], second.carry);
  }
  const Limb q2 = __shfl_sync(kAllLanes, (even2[0] - q) * group.minus_n_inverse, 0, T);
  mad_chain(odd, m + 1, q, L, first.carry);
  mad_chain(even, m, q, L, odd[L - 1], first.carry);
  first.incoming = shift_down<T>(even[0], group.lane);
  mad_chain(odd2, m + 1, q2, L, second.carry);
  mad_chain(even2, m, q2, L, odd2[L - 1], second.carry);
  second.incoming = shift_down<T>(even2[0], group.lane);
}

// All rows, for the pair c + d m in shared memory.
template <class Shape, bool squaring>
HEPY_DEVICE void pair_rows(const PairGroup<Shape>& group, Accumulator<Shape::part>& first,
                           Accumulator<Shape::part>& second, const Limb* a, const Limb* b, const Limb* operand) {
  constexpr int L = Shape::part, kRows = kProductRows<typename Shape::Part>;
  Limb m[L];
  load_words<L>(m, group.modulus);
  HEPY_ROLLED
  for (int at = 0; at < Shape::number; at += kRows) {
    const Limb* const rows = operand + Shape::place(at);
    HEPY_UNROLL
    for (int i = 0; i < kRows; i += 4) {
      Limb c[4], d[4] = {};
      load_words<4>(c, rows + i);
      if constexpr (!squaring) load_words<4>(d, rows + L + i);
      pair_row<Shape, squaring, 0>(group, first, second, a, b, c[0], d[0], m);
      pair_row<Shape, squaring, 1>(group, first, second, a, b, c[1], d[1], m);
      pair_row<Shape, squaring, 0>(group, first, second, a, b, c[2], d[2], m);
      pair_row<Shape, squaring, 1>(group, first, second, a, b, c[3], d[3], m);
    }
  }
}

// r = the pair u, v in limbs and pending carries: u < R + m, v < 2R + m - 1. Were v + 1 twice above R, what is left
// would be below m, and with 3 (R mod m) below 2R: m + 3 (R - m) for m above R/2, m + 3 (R - 2m) for m above R/3, 4m
// else.
template <class Shape>
HEPY_DEVICE void settle(const PairGroup<Shape>& group, Limb* r, Limb over, Limb over2) {
  Limb* const v = r + Shape::part;
  const Limb above = group.resolve(r, over);
  group.subtract_if(above, r, group.modulus);
  group.fold(v, group.resolve(v, over2, above));
}

// r = (a + b m) (c + d m) / R modulo m^2. The second pair is in shared memory, of the first this lane's limbs; r may be
// a.
template <class Shape>
HEPY_DEVICE void product(const PairGroup<Shape>& group, Limb* r, const Limb* a, const Limb* operand) {
  Accumulator<Shape::part> first, second;
  pair_rows<Shape, false>(group, first, second, a, a + Shape::part, operand);
  const Limb over = first.assemble(r), over2 = second.assemble(r + Shape::part);
  settle(group, r, over, over2);
}

// The square of a, in registers and in space.operand; r may be a. Rows take 2b mod R; what leaves R is a bit, which
// adds a to v.
template <class Shape>
HEPY_DEVICE void square(const PairGroup<Shape>& group, const SquareSpace<Shape>& space, Limb* r, const Limb* a) {
  constexpr int T = Shape::threads, L = Shape::part;
  const Limb* const b = a + L;
  const Limb below = __shfl_up_sync(kAllLanes, b[L - 1], 1, T), top = __shfl_sync(kAllLanes, b[L - 1], T - 1, T);
  Limb twice[L], addend[L];
  HEPY_UNROLL
  for (int j = 1; j < L; ++j) twice[j] = b[j] << 1 | b[j - 1] >> 31;
  twice[0] = b[0] << 1 | (group.lane == 0 ? 0 : below >> 31);
  Accumulator<L> first, second;
  pair_rows<Shape, true>(group, first, second, a, twice, space.operand);
  HEPY_UNROLL
  for (int j = 0; j < L; ++j) addend[j] = a[j] & (0u - (top >> 31));
  const Limb over = first.assemble(r);
  Limb over2 = second.assemble(r + L);
  over2 += add_chain<L>(r + L, addend);
  settle(group, r, over, over2);
}

// r = r / R modulo m^2 with both numbers least: rows as of a product with 1. They leave u <= m and v <= m. u = m
// becomes 0, and adds 1 to v, which stays below R: for u = m, q = R - 1 and a = m, so v was below m.
template <class Shape>
HEPY_DEVICE void reduce(const PairGroup<Shape>& group, Limb* r) {
  constexpr int T = Shape::threads, L = Shape::part, kRows = kReductionRows<typename Shape::Part>;
  Limb *const v = r + L, m[L], less[L];
  Accumulator<L> first, second;
  HEPY_UNROLL
  for (int j = 0; j < L; ++j) first.even[j] = r[j], second.even[j] = v[j];
  load_words<L>(m, group.modulus);
  const auto row = [&](Limb* even, Limb* odd, Limb* even2, Limb* odd2) {
    const Limb q = __shfl_sync(kAllLanes, (even[0] + odd[1]) * group.minus_n_inverse, 0, T);
    const Limb q2 = __shfl_sync(kAllLanes, (even2[0] + odd2[1] - q) * group.minus_n_inverse, 0, T);
    shift_and_add<L>(even, odd, first.incoming, first.carry, m, q);
    first.incoming = shift_down<T>(even[0], group.lane);
    shift_and_add<L>(even2, odd2, second.incoming, second.carry, m, q2);
    second.incoming = shift_down<T>(even2[0], group.lane);
  };
  HEPY_ROLLED
  for (int at = 0; at < Shape::number; at += kRows) {
    HEPY_UNROLL
    for (int i = 0; i < kRows; i += 2) {
      row(first.even, first.odd, second.even, second.odd);
      row(first.odd, first.even, second.odd, second.even);
    }
  }
  const Limb over = first.assemble(r), over2 = second.assemble(v);
  group.resolve(r, over);
  Limb differing = 0;
  HEPY_UNROLL
  for (int j = 0; j < L; ++j) differing |= r[j] ^ m[j];
  const bool is_modulus = group.all(differing == 0);
  group.resolve(v, over2, is_modulus);
  HEPY_UNROLL
  for (int j = 0; j < L; ++j) {
    r[j] = is_modulus ? 0 : r[j];
    less[j] = v[j];
  }
  const bool is_least = group.subtract_if(1, less, group.modulus);
  HEPY_UNROLL
  for (int j = 0; j < L; ++j) v[j] = is_least ? v[j] : less[j];
}

// r = u + v m as one integer, its lower half in the place of u and its upper half in that of v, for a pair r with u + v
// m below R^2. The group's place in shared memory, whose lower numbers it overwrites.
template <class Shape>
HEPY_DEVICE void expand(const PairGroup<Shape>& group, Limb* r, Limb* space) {
  constexpr int T = Shape::threads, L = Shape::part;
  const Limb* const whole = group.modulus - group.lane * Shape::pitch;
  Limb* const v = r + L;
  Accumulator<L> sum;
  HEPY_UNROLL
  for (int j = 0; j < L; ++j) sum.even[j] = r[j];
  __syncwarp();
  HEPY_ROLLED
  for (int at = 0; at < Shape::number; at += 4) {
    Limb factor[4], leaving[4];
    load_words<4>(factor, whole + Shape::place(at));
    HEPY_UNROLL
    for (int k = 0; k < 4; ++k) {
      Limb *const even = k % 2 ? sum.odd : sum.even, *const odd = k % 2 ? sum.even : sum.odd;
      shift_and_add<L>(even, odd, sum.incoming, sum.carry, v, factor[k]);
      leaving[k] = even[0];
      sum.incoming = shift_down<T>(even[0], group.lane);
    }
    if (group.lane == 0) store_words<4>(space + Shape::place(at), leaving);
  }
  const Limb over = sum.assemble(v);
  group.resolve(v, over);
  __syncwarp();
  load_words<L>(r, space + group.lane * Shape::pitch);
}

// Sums and differences of pairs. What leaves R comes back as R mod m^2, the pair (R mod m, e), at most twice (see
// sums.cuh). e is 1 for m above R/2; else floor(R / m) mod m, which is at most sqrt(R). So the second number is below
// 2R + 2 sqrt(R), or 2R at most, and fold() has its conditions. `one`: this lane's block of R mod m^2, in shared
// memory.
template <bool subtracting, bool paired = true, class Shape>
HEPY_DEVICE void accumulate_lazy(const PairGroup<Shape>& group, Limb* x, const Limb* y, const Limb* one) {
  constexpr int L = Shape::part;
  const Limb once = group.template accumulate_if<subtracting>(1, x, y);
  const Limb twice = group.template accumulate_if<subtracting>(once, x, one);
  group.template accumulate_if<subtracting>(twice, x, one);
  Limb beyond = paired ? group.template accumulate_if<subtracting>(1, x + L, y + L) : 0;
  beyond += group.template accumulate_if<subtracting>(once, x + L, one + L);
  beyond += group.template accumulate_if<subtracting>(twice, x + L, one + L);
  group.template fold<subtracting>(x + L, beyond);
}

}  // namespace hepy::bigint

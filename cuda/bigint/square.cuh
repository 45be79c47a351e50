// The Montgomery square over a group of lanes: 1.5 total^2 limb products where a product takes 2 total^2.
//
// Let a = sum A_t X^t with X = 2^(32 L), a block A_t for each lane. Products of two blocks are taken once and doubled.
// Rows over all lanes could not leave out half of the limb products, because the lanes of a warp run the same
// instructions; so lane t takes the pairs (t, t + d mod T) for d = 1, 2 ... T/2, which are all pairs, as many for each
// lane. Two lanes share a pair of d = T/2, each with half of the multiplier's limbs. Within A_t^2 the squares of limbs
// are added in the end, to the doubled rest.
//
// The sum stands in shared memory, in blocks of L words that belong to powers of X. Pairs that wrap around (t + d >= T)
// have an array of their own, so that no two lanes meet in a block. The sum so far is the addend of the products:
// adding costs a load and a store, but no addition. Carries out of a block are counted beside it.
#pragma once
#include "bigint/montgomery.cuh"

namespace hepy::bigint {

// Integers for each group that fit the shared memory of a square: the operand; sums at even and at odd powers of X,
// below 2T; sums of wrapped pairs, at powers T/2 to 3T/2 - 1. (Of a pair a + b m: the operand, see pairs.cuh.)
template <class Shape>
constexpr int kSquareSpace = Shape::paired ? 1 : 4;

template <class Shape>
struct SquareSpace {
  static constexpr int T = Shape::threads, L = Shape::limbs;
  static_assert(L % 8 == 0, "halves of a lane's limbs are moved 16 bytes at a time");
  Limb*
      operand;  // this group's place in the warp's first integers; the other three follow at a distance of warp_shared

  HEPY_DEVICE Limb* block(int t) const { return operand + t * Shape::pitch; }

  // Lanes that work side by side touch powers that differ by 2. Even and odd ones lie apart, against bank conflicts.
  HEPY_DEVICE Limb* sum(int power, bool wrapped) const {
    const int place = wrapped ? power - T / 2 : power, array = wrapped ? 3 : 1 + place % 2;
    return operand + array * Shape::warp_shared + (place / 2 + (wrapped ? place % 2 * (T / 2) : 0)) * Shape::pitch;
  }

  HEPY_DEVICE static Limb& carries(Limb* block) { return block[L]; }
};

// w += x y for a window w of words in shared memory, in pieces of L/2, and a multiplier y there of as many limbs as the
// window has beyond L. Returns the carry out of the window.
template <int L, int pieces>
HEPY_DEVICE Limb multiply_add(Limb* const (&w)[pieces], const Limb* x, const Limb* y) {
  constexpr int H = L / 2;
  Accumulator<L> sum;
  load_words<H>(sum.even, w[0]);
  load_words<H>(sum.even + H, w[1]);
  HEPY_UNROLL
  for (int i = 0; i < (pieces - 2) * H; i += 4) {
    Limb factor[4], entering[4], leaving[4];
    load_words<4>(factor, y + i);
    load_words<4>(entering, w[2 + i / H] + i % H);
    HEPY_UNROLL
    for (int k = 0; k < 4; ++k) {
      Limb *const even = k % 2 ? sum.odd : sum.even, *const odd = k % 2 ? sum.even : sum.odd;
      shift_and_add<L>(even, odd, sum.incoming, sum.carry, x, factor[k]);
      leaving[k] = even[0];
      sum.incoming = entering[k];
    }
    store_words<4>(w[i / H] + i % H, leaving);
  }
  Limb top[L];
  const Limb carry = sum.assemble(top);
  store_words<H>(w[pieces - 2], top);
  store_words<H>(w[pieces - 1], top + H);
  return carry;
}

// The sum over i < j of x[i] x[j] 2^(32 (i + j)), from row i on: x[i] times x[i+1], x[i+3] ... and x[i+2], x[i+4] ...
// `odd` and `even` are as in a row of a product: odd[c] stands in column c + 1. The word past a chain's end holds
// carries only. Row i ends columns 2i and 2i + 1, which leave, four words at a time, with `running` as the carry. (A
// recursion: nvcc 13.0 gave up unrolling a loop over the rows of 24 limbs, and kept the arrays in local memory.)
template <int L, int i = 0>
HEPY_DEVICE void triangle_rows(Limb* low, Limb* high, const Limb* x, Limb* even, Limb* odd, Limb* word, Limb running) {
  constexpr int odd_count = (L - i) / 2 * 2, even_count = (L - i - 1) / 2 * 2;
  if constexpr (odd_count > 0) mad_chain(odd + 2 * i, x + i + 1, x[i], odd_count, odd[2 * i + odd_count]);
  if constexpr (even_count > 0) mad_chain(even + 2 * i + 2, x + i + 2, x[i], even_count, even[2 * i + 2 + even_count]);
  Limb* const pair = word + 2 * i % 4;
  const Limb beside[2] = {i > 0 ? odd[2 * i - 1] : 0, odd[2 * i]};
  pair[0] = even[2 * i], pair[1] = even[2 * i + 1];
  running = add_word<2>(pair, running) + add_chain<2>(pair, beside);
  if constexpr (i % 2 == 1) store_words<4>(2 * i < L ? low + 2 * i - 2 : high + 2 * i - 2 - L, word);
  if constexpr (i + 1 < L) triangle_rows<L, i + 1>(low, high, x, even, odd, word, running);
}

// The same from row 0 on: L words each to `low` and `high`.
template <int L>
HEPY_DEVICE void triangle(Limb* low, Limb* high, const Limb* x) {
  Limb even[2 * L + 2], odd[2 * L + 2], word[4];
  HEPY_UNROLL
  for (int c = 0; c < 2 * L + 2; ++c) even[c] = odd[c] = 0;
  triangle_rows<L>(low, high, x, even, odd, word, 0);
}

// A_t times A_(t+d), for d from 1 below T/2.
template <class Shape>
HEPY_DEVICE void add_pair(const SquareSpace<Shape>& space, const Limb* a, int lane, int d) {
  constexpr int T = Shape::threads, L = Shape::limbs, H = L / 2;
  const bool wraps = lane + d >= T;
  const int power = 2 * lane + d - (wraps ? T : 0);
  Limb *const low = space.sum(power, wraps), *const high = space.sum(power + 1, wraps);
  Limb* const window[4] = {low, low + H, high, high + H};
  space.carries(high) += multiply_add<L>(window, a, space.block((lane + d) % T));
}

// A_t times half of A_(t + T/2): the lower half in lane t, the upper one in lane t + T/2.
template <class Shape>
HEPY_DEVICE void add_half_pair(const SquareSpace<Shape>& space, int lane) {
  constexpr int T = Shape::threads, L = Shape::limbs, H = L / 2;
  const bool upper = lane >= T / 2;
  const int t = lane % (T / 2), power = 2 * t + T / 2;
  Limb *const low = space.sum(power, upper), *const high = space.sum(power + 1, upper);
  Limb* const window[3] = {upper ? low + H : low, upper ? high : low + H, upper ? high + H : high};
  Limb x[L], rest[H];
  load_words<L>(x, space.block(t));
  Limb carry = multiply_add<L>(window, x, space.block(t + T / 2) + (upper ? H : 0));
  load_words<H>(rest, high + H);  // the words above the lower half's window
  const Limb passed = add_word<H>(rest, upper ? 0 : carry);
  if (!upper) {
    store_words<H>(high + H, rest);
    carry = passed;
  }
  space.carries(high) += carry;
}

// The sum of all products of two limbs of a, each pair once.
template <class Shape>
HEPY_DEVICE void add_pairs(const SquareSpace<Shape>& space, const Limb* a, int lane) {
  constexpr int T = Shape::threads, L = Shape::limbs;
  Limb *const low = space.sum(2 * lane, false), *const high = space.sum(2 * lane + 1, false);
  Limb* const wrapped = space.sum(T / 2 + lane, true);
  const Limb zero[L] = {};
  triangle<L>(low, high, a);
  store_words<L>(wrapped, zero);
  space.carries(low) = space.carries(high) = space.carries(wrapped) = 0;
  HEPY_ROLLED
  for (int d = 1; d < T / 2; ++d) {
    __syncwarp();
    add_pair(space, a, lane, d);
  }
  __syncwarp();
  add_half_pair(space, lane);
  __syncwarp();
}

// r = block `power` of a^2: twice the sums, plus squares of limbs. Returns what belongs to the next block.
template <class Shape>
HEPY_DEVICE Limb collect(const SquareSpace<Shape>& space, Limb* r, int power) {
  constexpr int T = Shape::threads, L = Shape::limbs, H = L / 2;
  const bool both = power >= T / 2 && power < T / 2 + T;
  Limb *const plain = space.sum(power, false), *const wrapped = space.sum(both ? power : T / 2, true);
  Limb addend[L], limbs[H];
  load_words<L>(r, plain);
  load_words<L>(addend, wrapped);
  HEPY_UNROLL
  for (int j = 0; j < L; ++j) addend[j] = both ? addend[j] : 0;
  const Limb over = add_chain<L>(r, addend) + space.carries(plain) + (both ? space.carries(wrapped) : 0);
  const Limb shifted_out = r[L - 1] >> 31;
  HEPY_UNROLL
  for (int j = L - 1; j > 0; --j) r[j] = r[j] << 1 | r[j - 1] >> 31;
  r[0] <<= 1;
  load_words<H>(limbs, space.block(power / 2) + power % 2 * H);
  return 2 * over + shifted_out + square_chain<H>(r, limbs);
}

// r = a^2 / R modulo n, all below R, for a in registers and in space.operand; r may be a. The low half of a^2 is
// reduced as if alone, which leaves at most n, and the high half added: below R + n again.
template <class Shape>
HEPY_DEVICE void square(const Group<Shape>& group, const SquareSpace<Shape>& space, Limb* r, const Limb* a) {
  constexpr int T = Shape::threads, L = Shape::limbs;
  add_pairs(space, a, group.lane);
  Accumulator<L> sum;
  const Limb leaving = collect(space, sum.even, group.lane);
  const Limb entering =
      __shfl_sync(kAllLanes, leaving, (group.lane + T - 1) % T, T);  // lane 0: from the low half's end
  sum.odd[1] = group.lane == 0 ? 0 : entering;
  reduce_rows(group, sum);
  Limb over = sum.assemble(r);
  Limb high[L];
  over += collect(space, high, T + group.lane);
  over += add_chain<L>(r, high);
  over += add_word<L>(r, group.lane == 0 ? entering : 0);
  group.settle(r, over);
}

}  // namespace hepy::bigint

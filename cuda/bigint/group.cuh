// The lanes that hold one integer: their places, and additions whose carries run from lane to lane.
#pragma once
#include "bigint/shape.cuh"

namespace hepy::bigint {

template <class Shape>
struct Group {
  static constexpr int T = Shape::threads, L = Shape::limbs;

  const int lane;        // in the group
  const int first;       // lane of the warp where the group begins
  const Limb* modulus;   // this lane's limbs of n, in shared memory
  Limb minus_n_inverse;  // -1/n mod 2^32

  HEPY_DEVICE Group(const Limb* shared_modulus, Limb minus_n_inverse)
      : lane(int(threadIdx.x % T)),
        first(int(threadIdx.x % kLanes / T * T)),
        modulus(shared_modulus + lane * Shape::pitch),
        minus_n_inverse(minus_n_inverse) {}

  // Carries of 0 or 1 out of each lane enter the next one, through lanes that are all ones, and `entering` enters lane
  // 0. One addition over the group's bits finds the lanes that a carry reaches: those that generate one are never all
  // ones. Returns the carry out of the integer.
  HEPY_DEVICE Limb ripple(Limb* r, Limb carry, Limb entering = 0) const {
    Limb ones = r[0];
    HEPY_UNROLL
    for (int j = 1; j < L; ++j) ones &= r[j];
    constexpr unsigned kMask = T == 32 ? ~0u : (1u << T % 32) - 1;
    const unsigned generate = __ballot_sync(kAllLanes, carry != 0) >> first & kMask;
    const unsigned propagate = __ballot_sync(kAllLanes, ones == ~0u) >> first & kMask;
    const std::uint64_t reached = ((std::uint64_t(generate) << 1) + propagate + entering) ^ propagate;  // bit t: lane t
    add_word<L>(r, Limb(reached >> lane) & 1);
    return Limb(reached >> T) & 1;
  }

  // r + y; returns the carry. Here and below y is this lane's limbs, in registers or in shared memory.
  HEPY_DEVICE Limb add(Limb* r, const Limb* y) const { return ripple(r, add_chain<L>(r, y)); }

  // r + y if `take`, which is 0 or 1; returns the carry.
  HEPY_DEVICE Limb add_if(Limb take, Limb* r, const Limb* y) const {
    Limb addend[L];
    load_words<L>(addend, y);
    HEPY_UNROLL
    for (int j = 0; j < L; ++j) addend[j] &= 0u - take;
    return add(r, addend);
  }

  // r - y if `take`, by adding the complement and one; returns the borrow.
  HEPY_DEVICE Limb subtract_if(Limb take, Limb* r, const Limb* y) const {
    Limb complement[L];
    load_words<L>(complement, y);
    HEPY_UNROLL
    for (int j = 0; j < L; ++j) complement[j] = ~complement[j] & (0u - take);
    return take - ripple(r, add_chain<L>(r, complement), take);
  }

  // The one or the other; returns the carry or the borrow.
  template <bool subtracting>
  HEPY_DEVICE Limb accumulate_if(Limb take, Limb* r, const Limb* y) const {
    return subtracting ? subtract_if(take, r, y) : add_if(take, r, y);
  }

  // Small carries `over` that belong to the next lane's lowest limb, and `entering` to lane 0's: r becomes limbs again.
  // Returns what stands above r.
  HEPY_DEVICE Limb resolve(Limb* r, Limb over, Limb entering = 0) const {
    const Limb above = __shfl_sync(kAllLanes, over, T - 1, T);
    const Limb below = __shfl_up_sync(kAllLanes, over, 1, T);
    return above + ripple(r, add_word<L>(r, lane == 0 ? entering : below));
  }

  // Ends a product: r and pending carries, below R + n in value, become a value below R.
  HEPY_DEVICE void settle(Limb* r, Limb over) const { subtract_if(resolve(r, over), r, modulus); }

  // Whether all limbs of all lanes fulfil what this lane's do.
  HEPY_DEVICE bool all(bool here) const {
    constexpr unsigned kMask = T == 32 ? ~0u : (1u << T % 32) - 1;
    return (__ballot_sync(kAllLanes, here) >> first & kMask) == kMask;
  }
};

}  // namespace hepy::bigint

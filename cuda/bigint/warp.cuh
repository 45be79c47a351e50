// A warp at work: its place in the batch, its shared memory, and integers on their way to and from global memory.
//
// In global memory the limbs of an integer lie side by side. Sixteen neighbouring bytes go to each lane, so that a warp
// reads whole lines; shared memory hands each lane the limbs that it computes with.
#pragma once
#include <type_traits>

#include "bigint/bigint.hpp"
#include "bigint/group.cuh"
#include "bigint/pairs.cuh"

namespace hepy::bigint {

enum class Constant { kModulus, kOne, kSquareOfR };

// What computes with elements of a shape: a group of lanes, which holds the modulus, or m and R mod m for pairs.
template <class Shape>
using GroupOf = std::conditional_t<Shape::paired, PairGroup<Shape>, Group<Shape>>;

// One of the modulus's constants in shared memory. All threads of the block call it and wait at a barrier before use.
template <class Shape, Constant which>
HEPY_DEVICE const Limb* share(const Limb* constants) {
  auto& memory = HEPY_SHARED(Limb[Shape::shared]);
  for (int j = int(threadIdx.x); j < Shape::total; j += Shape::block) {
    memory[Shape::place(j)] = constants[int(which) * Shape::total + j];
  }
  return memory;
}

HEPY_DEVICE std::int64_t row_of(const std::int64_t* rows, std::int64_t start, std::int64_t step, std::size_t i) {
  return rows != nullptr ? rows[i] : start + std::int64_t(i) * step;
}

// The i-th element of an operand, or null where there is none.
template <class Shape>
HEPY_DEVICE const Limb* element(const Operand& x, std::size_t i, bool exists) {
  return exists ? x.limbs + row_of(x.rows, x.start, x.step, i) * Shape::total : nullptr;
}

// kSpace: integers of shared memory for each group.
template <class Shape, int kSpace>
struct Warp {
  static constexpr int T = Shape::threads, L = Shape::limbs, kQuads = Shape::total / 4;

  Limb* const space;
  const GroupOf<Shape> group;
  const Limb* const one;  // R mod n, in global memory

  // All threads of the block call it; ends with a barrier.
  HEPY_DEVICE explicit Warp(const Limb* constants)
      : space(memory() + threadIdx.x / kLanes * kSpace * Shape::warp_shared),
        group(share<Shape, Constant::kModulus>(constants), constants[3 * Shape::total]),
        one(constants + int(Constant::kOne) * Shape::total) {
    __syncthreads();
  }

  // Groups with a modulus each: its limbs in shared memory, -1/n mod 2^32, and R mod n in global memory. Otherwise the
  // same.
  HEPY_DEVICE Warp(const Limb* shared_modulus, Limb minus_n_inverse, const Limb* one)
      : space(memory() + threadIdx.x / kLanes * kSpace * Shape::warp_shared),
        group(shared_modulus, minus_n_inverse),
        one(one) {
    __syncthreads();
  }

  HEPY_DEVICE static Limb* memory() { return HEPY_SHARED(Limb[Shape::warps * kSpace * Shape::warp_shared]); }

  // Of the grid's groups, this one.
  HEPY_DEVICE std::size_t index() const { return (std::size_t(blockIdx.x) * Shape::block + threadIdx.x) / unsigned(T); }

  // Whether none of the warp's groups is among the first `count`: the warp may leave, as no barrier of the block is
  // left.
  HEPY_DEVICE bool idle(std::size_t count) const { return index() - unsigned(group.first / T) >= count; }

  // The group's first integer of shared memory, and this lane's block of it.
  HEPY_DEVICE Limb* operand() const { return space + group.first * Shape::pitch; }
  HEPY_DEVICE Limb* own() const { return operand() + group.lane * Shape::pitch; }

  // This lane's block of the second integer: a place for limbs, out of the registers' way.
  HEPY_DEVICE Limb* aside() const { return own() + Shape::warp_shared; }

  // The operand becomes x, or only its first number.
  template <int count = L>
  HEPY_DEVICE void put(const Limb* x) const {
    __syncwarp();
    store_words<count>(own(), x);
    __syncwarp();
  }

  // The operand becomes the integer at this address, the same in all lanes of a group; 0 for null.
  HEPY_DEVICE void fetch(const Limb* integer) const {
    const auto mine = reinterpret_cast<std::uint64_t>(integer);
    __syncwarp();
    HEPY_UNROLL
    for (int k = 0; k < L / 4; ++k) {
      const int at = (k * int(kLanes) + int(threadIdx.x % kLanes)) % kQuads * 4;
      const auto* const from = reinterpret_cast<const Limb*>(__shfl_sync(kAllLanes, mine, in_round<leader>(k)));
      runtime::store4(space + in_round<offset>(k), from != nullptr ? runtime::load4(from + at) : uint4{0, 0, 0, 0});
    }
    __syncwarp();
  }
  HEPY_DEVICE void fetch(Limb* x, const Limb* integer) const {
    fetch(integer);
    load_words<L>(x, own());
  }

  // The operand's first number becomes limbs [from, from + number) of an integer of `words` limbs, zeros beyond; that
  // of the warp's g-th group is at integer(g), or null. The second number stays. (A rolled loop: several loads at once
  // take registers that products need.)
  template <class Integer>
  HEPY_DEVICE void fetch_words(const Integer& integer, std::size_t words, std::size_t from) const {
    __syncwarp();
    HEPY_ROLLED
    for (unsigned limb = threadIdx.x % kLanes; limb < kLanes * Shape::part; limb += kLanes) {  // of the warp's
      const Limb* const source = integer(limb / Shape::number);
      const std::size_t at = from + limb % Shape::number;
      space[limb / Shape::part * Shape::pitch + limb % Shape::part] = source != nullptr && at < words ? source[at] : 0;
    }
    __syncwarp();
  }

  // The same for an integer on 16 bytes whose words are a multiple of 4.
  HEPY_DEVICE void fetch_quads(const Limb* integer, std::size_t words, std::size_t from) const {
    const auto mine = reinterpret_cast<std::uint64_t>(integer);
    __syncwarp();
    HEPY_UNROLL
    for (unsigned k = 0; k < Shape::part / 4; ++k) {
      const unsigned limb = (k * kLanes + threadIdx.x % kLanes) * 4;
      const auto* const source =
          reinterpret_cast<const Limb*>(__shfl_sync(kAllLanes, mine, int(limb / Shape::number * T)));
      const std::size_t at = from + limb % Shape::number;
      runtime::store4(space + limb / Shape::part * Shape::pitch + limb % Shape::part,
                      source != nullptr && at < words ? runtime::load4(source + at) : uint4{0, 0, 0, 0});
    }
    __syncwarp();
  }

  // Writes x to this address, the same in all lanes of a group; nothing for null. The operand is x then.
  HEPY_DEVICE void deliver(Limb* integer, const Limb* x) const {
    const auto mine = reinterpret_cast<std::uint64_t>(integer);
    put(x);
    HEPY_UNROLL
    for (int k = 0; k < L / 4; ++k) {
      const int at = (k * int(kLanes) + int(threadIdx.x % kLanes)) % kQuads * 4;
      auto* const to = reinterpret_cast<Limb*>(__shfl_sync(kAllLanes, mine, in_round<leader>(k)));
      if (to != nullptr) runtime::store4(to + at, runtime::load4(space + in_round<offset>(k)));
    }
  }

 private:
  // The lane of the warp where the group of the warp's quad-th 16 bytes begins, and where these stand in its space.
  HEPY_DEVICE static constexpr int leader(int quad) { return quad / kQuads * T; }
  HEPY_DEVICE static constexpr int offset(int quad) {
    if constexpr (!Shape::paired) return quad * 4 / L * Shape::pitch + quad * 4 % L;
    return quad / kQuads * Shape::shared + Shape::place(quad % kQuads * 4);
  }

  // Of this lane's quad in the k-th round of a warp. Where rounds are at the same distances for all lanes, as they
  // mostly are, one register does for all of them, which the compiler does not see by itself.
  template <int (*function)(int)>
  HEPY_DEVICE static int in_round(int k) {
    constexpr bool kRegular = is_regular<function>();
    const int lane = int(threadIdx.x % kLanes), round = k * int(kLanes);
    return kRegular ? function(lane) + function(round) : function(lane + round);
  }
  template <int (*function)(int)>
  HEPY_DEVICE static constexpr bool is_regular() {
    for (int k = 0; k < L / 4; ++k) {
      for (int lane = 0, round = k * int(kLanes); lane < int(kLanes); ++lane) {
        if (function(lane + round) != function(lane) + function(round)) return false;
      }
    }
    return true;
  }
};

}  // namespace hepy::bigint

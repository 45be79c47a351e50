// How integers of one size lie over lanes and in shared memory.
//
// A group of `threads` lanes holds one integer, `limbs` limbs a lane, lane t those from t * limbs on. In shared memory
// a lane's limbs are a block of `pitch` words. pitch / 4 is odd, so that 16-byte accesses of neighbouring lanes meet no
// bank conflict; what is left of a block holds a counter.
#pragma once
#include "bigint/chains.cuh"
#include "runtime/memory.cuh"

namespace hepy::bigint {

constexpr unsigned kLanes = 32, kAllLanes = ~0u;

// kWarps: of a block. kBlocks: of a multiprocessor, for which registers suffice. kPaired: an element is a pair of
// numbers, each of half the limbs (pairs.cuh): in memory one after the other, in each lane's block its limbs of the
// first, then of the second.
template <int kThreads, int kLimbs, int kWarps, int kBlocks, bool kPaired = false, int kPitch = kLimbs + 4>
struct Shape {
  static constexpr bool paired = kPaired;
  static constexpr int threads = kThreads, limbs = kLimbs, warps = kWarps, blocks = kBlocks;
  static constexpr int total = threads * limbs;    // limbs of an integer
  static constexpr int groups = kLanes / threads;  // integers a warp
  static constexpr int integers = groups * warps;  // and a block
  static constexpr int block = kLanes * warps;     // CUDA's threads a block
  static constexpr int pitch = kPitch;
  static constexpr int shared = threads * pitch;           // words of one integer in shared memory
  static constexpr int warp_shared = kLanes * pitch;       // words of one integer for each group of a warp
  static constexpr int part = paired ? limbs / 2 : limbs;  // limbs of a number in a lane
  static constexpr int number = threads * part;            // and of a number

  // The numbers of a pair by themselves, where they stand.
  using Part = Shape<kThreads, part, kWarps, kBlocks, false, kPitch>;

  // Where an element's limb stands in shared memory, from its first block on.
  HEPY_DEVICE static constexpr int place(int limb) {
    if constexpr (!paired) return limb / limbs * pitch + limb % limbs;
    return limb % number / part * pitch + limb / number * part + limb % part;
  }

  static_assert(threads >= 2 && threads <= 32 && (threads & (threads - 1)) == 0, "groups divide a warp");
  static_assert(part % 4 == 0 && pitch % 8 == 4, "limbs are moved 16 bytes at a time, and pitch / 4 is odd");
};

template <int count>
HEPY_DEVICE void load_words(Limb* x, const Limb* from) {
  HEPY_UNROLL
  for (int j = 0; j < count; j += 4) {
    const uint4 quad = runtime::load4(from + j);
    x[j] = quad.x, x[j + 1] = quad.y, x[j + 2] = quad.z, x[j + 3] = quad.w;
  }
}

template <int count>
HEPY_DEVICE void store_words(Limb* to, const Limb* x) {
  HEPY_UNROLL
  for (int j = 0; j < count; j += 4) runtime::store4(to + j, {x[j], x[j + 1], x[j + 2], x[j + 3]});
}

}  // namespace hepy::bigint

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

// kWarps: of a block. kBlocks: of a multiprocessor, for which registers suffice.
template <int kThreads, int kLimbs, int kWarps, int kBlocks>
struct Shape {
  static constexpr int threads = kThreads, limbs = kLimbs, warps = kWarps, blocks = kBlocks;
  static constexpr int total = threads * limbs;    // limbs of an integer
  static constexpr int groups = kLanes / threads;  // integers a warp
  static constexpr int integers = groups * warps;  // and a block
  static constexpr int block = kLanes * warps;     // CUDA's threads a block
  static constexpr int pitch = limbs + 4;
  static constexpr int shared = threads * pitch;      // words of one integer in shared memory
  static constexpr int warp_shared = kLanes * pitch;  // words of one integer for each group of a warp

  static_assert(threads >= 2 && threads <= 32 && (threads & (threads - 1)) == 0, "groups divide a warp");
  static_assert(limbs % 8 == 0, "halves of a lane's limbs are moved 16 bytes at a time, and pitch / 4 is odd");
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

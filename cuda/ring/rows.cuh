// Where a block works: the rows of N words that it reads and writes, found once a block.
#pragma once
#include <algorithm>

#include "ring/ring.hpp"
#include "runtime/runtime.cuh"

namespace hepy::ring {

// Where entry number `entry` of a batch begins in an operand.
HEPY_DEVICE const std::uint32_t* entry_of(const Operand& x, const Batch& batch, unsigned entry) {
  const std::uint32_t* words = x.words;
  HEPY_UNROLL
  for (int axis = kAxes - 1; axis > 0; --axis) {
    const unsigned length = batch.lengths[axis];
    if (length == 1) continue;
    words += std::int64_t(entry % length) * x.strides[axis];
    entry /= length;
  }
  return words + std::int64_t(entry) * x.strides[0];
}

HEPY_DEVICE const std::uint32_t* row_of(const Operand& x, const Batch& batch, unsigned entry, unsigned limb) {
  return entry_of(x, batch, entry) + std::int64_t(limb) * x.limb_stride;
}

// Grids are (parts of a row, limbs, entries); a block takes entries gridDim.z apart.
inline dim3 grid_of(unsigned parts, unsigned limbs, unsigned entries) {
  return {parts, limbs, std::min(entries, runtime::kMaxGridYZ)};
}

}  // namespace hepy::ring

// Where a block works: the rows of N words that it reads and writes, found once a block.
#pragma once
#include <algorithm>

#include "ring/ring.hpp"
#include "runtime/runtime.cuh"

namespace hepy::ring {

HEPY_DEVICE unsigned quotient(unsigned n, const Length& by) {
  return runtime::mul_hi(2 * n, by.multiplier) >> by.shift;
}

// Where entry number `entry` of a batch begins in an operand. Its place along each axis is the same for all operands,
// so that a kernel divides once; there are no branches, which are dearer than three divisions by multiplying.
HEPY_DEVICE const std::uint32_t* entry_of(const Operand& x, const Batch& batch, unsigned entry) {
  const std::uint32_t* words = x.words;
  HEPY_UNROLL
  for (int axis = kAxes - 1; axis > 0; --axis) {
    const unsigned outer = quotient(entry, batch.lengths[axis]);
    words += std::int64_t(entry - outer * batch.lengths[axis].length) * x.strides[axis];
    entry = outer;
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

// Products of single integers as rows of 64-bit limbs, by the processor's own instructions or in plain C++.
#pragma once
#include <cstddef>
#include <cstdint>

namespace hepy::cpu {

// A row has 8 blocks limbs, the lowest first; R = 2^(512 blocks); inverse = -1/n mod 2^64. No operand overlaps t or the
// scratch of 16 blocks limbs. The sequence of operations and of addresses depends on `blocks` only.
struct RowKernels {
  // t[0 .. 16 blocks) = a b
  void (*multiply)(std::uint64_t* t, const std::uint64_t* a, const std::uint64_t* b, std::size_t blocks,
                   std::uint64_t* scratch);
  // t[0 .. 16 blocks) = a^2
  void (*square)(std::uint64_t* t, const std::uint64_t* a, std::size_t blocks, std::uint64_t* scratch);
  // out = t / R mod n, canonical, for t < n R. Leaves q in t[0 .. 8 blocks), and returns s, such that t + q n = (out +
  // s n) R.
  std::uint64_t (*reduce)(std::uint64_t* out, std::uint64_t* t, const std::uint64_t* n, std::size_t blocks,
                          std::uint64_t inverse);
  // out = a + ((b AND keep) XOR flip) + carry; returns the carry out. Masks are 0 or all ones: with `flip` and a carry
  // it is R + a - b.
  std::uint64_t (*add)(std::uint64_t* out, const std::uint64_t* a, const std::uint64_t* b, std::uint64_t keep,
                       std::uint64_t flip, std::uint64_t carry, std::size_t blocks);
};

extern const RowKernels kPortableRows;
#if defined(HEPY_WITH_MULX)
extern const RowKernels kMulxRows;  // needs BMI2 and ADX
#endif

}  // namespace hepy::cpu

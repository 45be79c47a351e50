// Batches of big integers modulo one odd modulus: what the kernels of this folder offer, as plain functions.
//
// A batch is uint32[B, limbs] in device memory, on 16 bytes: element i in Montgomery form, x R mod n with R = 2^(32
// limbs), as any integer below R (private; what leaves by `store` is canonical). Results are whole batches, which no
// operand overlaps unless that is said. Counts may be 0.
#pragma once
#include <cstddef>
#include <cstdint>

#include "bigint/choices.hpp"
#include "runtime/device.hpp"

namespace hepy::bigint {

struct Modulus {
  const Choice* choice;            // of its size on this device
  const std::uint32_t* constants;  // uint32[3 limbs + 4] in device memory: n, R mod n, R^2 mod n, -1/n mod 2^32, unused
};

// Elements of a batch, the i-th in row rows[i], or start + i step where there are no rows.
struct Operand {
  const std::uint32_t* limbs;
  const std::int64_t* rows;
  std::int64_t start, step;
};

// Integers of so many words and bits: uint32[E, words], little-endian; element i takes row rows[i], or start + i step.
struct Exponents {
  const std::uint32_t* words;
  const std::int64_t* rows;
  std::int64_t start, step;
  std::uint32_t width, bits;
};

// What the time of a power, and the addresses that it reads, may tell of exponents.
enum class Timing {
  kUniform,   // the time: their longest bit length; addresses: tables are indexed by windows of exponents
  kScanning,  // time and addresses: the bit length only
  kVariable,  // everything
};

// Canonical and foreign form.
void load(runtime::Stream, const Modulus&, std::uint32_t* out, const std::uint32_t* in, std::size_t words,
          std::size_t count);
void store(runtime::Stream, const Modulus&, std::uint32_t* out, const Operand& x, std::size_t words, std::size_t count);
void equal(runtime::Stream, const Modulus&, std::uint8_t* out, const Operand& x, const Operand& y, std::size_t count);

// Elementwise.
void gather(runtime::Stream, const Modulus&, std::uint32_t* out, const Operand& x, std::size_t count);
void multiply(runtime::Stream, const Modulus&, std::uint32_t* out, const Operand& x, const Operand& y,
              std::size_t count);
void square(runtime::Stream, const Modulus&, std::uint32_t* out, const Operand& x, std::size_t count);
void add(runtime::Stream, const Modulus&, std::uint32_t* out, const Operand& x, const Operand& y, std::size_t count);
void subtract(runtime::Stream, const Modulus&, std::uint32_t* out, const Operand& x, const Operand& y,
              std::size_t count);

}  // namespace hepy::bigint

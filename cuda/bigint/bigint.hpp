// Batches of big integers modulo one odd modulus: what the kernels of this folder offer, as plain functions.
//
// A batch is uint32[B, limbs] in device memory, on 16 bytes: element i in Montgomery form, x R mod n with R = 2^(32
// limbs), as any integer below R (private; what leaves by `store` is canonical). Where the modulus is a square m^2
// whose root is given, it is uint32[B, 2, limbs / 2]: a pair of integers a, b below R = 2^(32 limbs / 2), and a + b m
// is x R mod m^2. Results are whole batches, which no operand overlaps unless that is said. Counts may be 0.
#pragma once
#include <cstddef>
#include <cstdint>

#include "bigint/choices.hpp"
#include "runtime/device.hpp"

namespace hepy::bigint {

struct Modulus {
  const Choice* choice;  // of its size on this device
  // uint32[3 limbs + 4] in device memory: n, R mod n, R^2 mod n, -1/n mod 2^32, unused. For pairs: m and R mod m; the
  // pairs R mod m^2 and R^2 mod m^2; -1/m mod 2^32.
  const std::uint32_t* constants;
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

// What numbers of 64 bits are.
enum class Number { kFloat, kSigned, kUnsigned };

// out[i] = round(in[i] 2^scale), half to even, for finite in[i] and a scale below 2^16.
void fixed_point(runtime::Stream, const Modulus&, std::uint32_t* out, const std::uint64_t* in, Number number,
                 unsigned scale, std::size_t count);

// Words of the longest integer that such numbers stand for.
constexpr std::size_t fixed_point_words(Number number, unsigned scale) {
  return ((number == Number::kFloat ? 1024 : 64) + scale + 31) / 32;
}

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

// What brings integers into Montgomery form modulo the root m of a modulus of pairs: R 2^(32 rows) mod m in
// uint32[limbs / 2], for integers whose words give so many rows.
struct Entry {
  const std::uint32_t* factor;
  std::size_t rows;
};
std::size_t entry_rows(const Choice&, std::size_t words);

// out[i] = x[i] (1 + k m) for the i-th factor k, below 0 where the byte of its row in `negative` is not 0. Modulo
// squares, as pairs, only.
void multiply_principal(runtime::Stream, const Modulus&, std::uint32_t* out, const Operand& x, const Exponents& factors,
                        const std::uint8_t* negative, const Entry& entry, std::size_t count);

// The same for k = round(in[i] 2^scale), as of fixed_point, and an entry for fixed_point_words.
void multiply_principal_fixed_point(runtime::Stream, const Modulus&, std::uint32_t* out, const Operand& x,
                                    const std::uint64_t* in, Number number, unsigned scale, const Entry& entry,
                                    std::size_t count);

// Powers.

// Rounds a count of elements up to whole blocks of the grid: launches of `power` have so many slots.
std::size_t whole_blocks(const Choice&, std::size_t count);

// A good window for exponents of so many bits, at most `largest`.
unsigned power_window(unsigned bits, unsigned largest = 8);

// out[i] = x[i] ** e[i]; 0 ** 0 is 1. tables: uint32[slots, 2^window, limbs], overwritten, for slots =
// whole_blocks(...) elements at a time; what they hold in the end tells x.
void power(runtime::Stream, const Modulus&, std::uint32_t* out, const Operand& x, const Exponents& e, Timing timing,
           unsigned window, std::uint32_t* tables, std::size_t slots, std::size_t count);

// table[p, d] = base[0] ** (d 2^(window p)): uint32[positions, 2^window, limbs].
void fixed_base_table(runtime::Stream, const Modulus&, std::uint32_t* table, const Operand& base, unsigned window,
                      unsigned positions);

// out[i] = base ** e[i], by a table of at least ceil(bits / window) positions.
void fixed_base_power(runtime::Stream, const Modulus&, std::uint32_t* out, const std::uint32_t* table,
                      const Exponents& e, Timing timing, unsigned window, std::size_t count);

// Two moduli m, coprime, odd and above 2, and what fermat_quotients needs of them: for each part rows of two numbers of
// limbs / 2 words, R that of the numbers. Residues modulo m^2 are pairs.
struct FermatParts {
  const Choice* choice;            // of pairs, for m^2
  const std::uint32_t* constants;  // uint32[2, rows, limbs] in device memory
};
enum class FermatRow {
  kRoot,          // m, R mod m
  kOne,           // R mod m^2
  kSquareOfR,     // R^2 mod m^2
  kBridge,        // r R^(2 - k) mod m^2, for x that are pairs modulo r^2, each number in k pieces of limbs / 2 words
  kEntry,         // R^2 / R_x mod m^2, for the R_x that x has
  kWeights,       // R^2 s mod m, 0 of the first part; R^2 s / m_0 mod m, -R^2 / m_0 mod m of the second
  kMinusInverse,  // -1 / m mod 2^32
  kCount
};

// Quotients floor((x^e mod m^2) / m) of both parts, and the number modulo the product of both m that is s times the
// quotient modulo each, canonical: out[i] in uint32[count, words], words those of the product. exact[i]: whether x^e is
// 1 modulo both m, so that the quotient is (x^e mod m^2 - 1) / m. Compiled for m^2 of up to kFermatLimbs.
//
// x: elements in Montgomery form modulo a multiple of both squares, `numbers` of `width` limbs each: 2 where they are
// pairs, else 1. e: exponents of the parts, in rows 0 and 1. tables and slots as for `power`, for 2 count elements.
constexpr int kFermatLimbs = 128;
void fermat_quotients(runtime::Stream, const FermatParts&, std::uint32_t* out, std::uint8_t* exact, const Operand& x,
                      std::size_t width, std::size_t numbers, const Exponents& e, Timing timing, unsigned window,
                      std::uint32_t* tables, std::size_t slots, std::size_t words, std::size_t count);

// Products of many.

// out[s] = product of x[k] over offsets[s] <= k < offsets[s+1], 1 where there is none: int64[segments + 1], not
// falling.
void segment_product(runtime::Stream, const Modulus&, std::uint32_t* out, const Operand& x, const std::int64_t* offsets,
                     std::size_t segments);

// out[k] = product of x[j] over offsets[s] <= j <= k, for the segment s of k.
void prefix_product(runtime::Stream, const Modulus&, std::uint32_t* out, const Operand& x, const std::int64_t* offsets,
                    std::size_t segments);

// out[k] = 1 / x[k], where it held the product of the block's elements up to x[k], given the inverses of the products
// of each `block` elements (of fewer in the last one).
void block_inverse(runtime::Stream, const Modulus&, std::uint32_t* out, const Operand& x, const std::uint32_t* inverses,
                   std::size_t block, std::size_t count);

// Products of powers. All in variable time.

// tables[i, d] = x[i] ** d: uint32[count, 2^window, limbs].
void power_tables(runtime::Stream, const Modulus&, std::uint32_t* tables, const Operand& x, unsigned window,
                  std::size_t count);

struct StrausShape {
  std::size_t rows, terms, columns;
};

// out[r, m] = product over k of x[r, k] ** e[k, m], from power_tables of x: [rows, terms, 2^window, limbs].
void straus(runtime::Stream, const Modulus&, std::uint32_t* out, const std::uint32_t* tables, const Exponents& e,
            unsigned window, const StrausShape& shape);

// out[i] = product over d of buckets[i, d - 1] ** d: uint32[count, digits, limbs], digits at least 1.
void bucket_product(runtime::Stream, const Modulus&, std::uint32_t* out, const std::uint32_t* buckets, unsigned digits,
                    std::size_t count);

// out[i] = product over p of parts[i, p] ** (2^(window p)): uint32[count, positions, limbs], positions at least 1.
void horner(runtime::Stream, const Modulus&, std::uint32_t* out, const std::uint32_t* parts, unsigned window,
            unsigned positions, std::size_t count);

}  // namespace hepy::bigint

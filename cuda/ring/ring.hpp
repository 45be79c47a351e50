// Polynomials modulo X^N + 1 and a basis of primes: what the kernels of this folder offer, as plain functions.
//
// A batch of polynomials is uint32[B..., limbs, N] in device memory, on 16 bytes, words canonical: below their limb's
// prime. N is a power of two, at least 8. Results are contiguous, and no operand overlaps them unless that is said;
// operands are views that broadcast over the batch. Counts may be 0. Launches count under "ring." and the function's
// name. Contracts in full: hepy/ring/kernels.py. No sequence of operations and no address depends on words.
#pragma once
#include <cstddef>
#include <cstdint>

#include "runtime/device.hpp"

namespace hepy::ring {

// One prime q < 2^31, 1 mod 2N, and what arithmetic modulo it reads. A residue a is in Montgomery form as a 2^32 mod q;
// only constants are.
struct alignas(16) Prime {
  std::uint32_t q;
  std::uint32_t minus_inverse;     // -1/q mod 2^32
  std::uint32_t radix;             // 2^32 mod q: one in Montgomery form
  std::uint32_t radix_squared;     // 2^64 mod q
  std::uint32_t degree_inverse;    // 1/N in Montgomery form
  std::uint32_t root_over_degree;  // psi^-(N/2) / N in Montgomery form: of the last stage of the inverse transform
  const std::uint32_t* roots;      // uint32[2, N] in Montgomery form: psi^brv(k) and psi^-brv(k); hepy/ring/tables.py
};
static_assert(sizeof(Prime) == 32, "hepy/ring/native.py writes these as eight words");

struct Basis {
  const Prime* primes;  // [limbs] in device memory
  unsigned limbs;
  unsigned log_degree;

  std::size_t degree() const { return std::size_t(1) << log_degree; }
};

// A number to divide by that is known before a launch: n / length = ((2 n multiplier) >> 32) >> shift for n < 2^31,
// with multiplier = ceil(2^(31 + shift) / length), shift = ceil(log2(length)) (Granlund and Montgomery, PLDI '94,
// section 4).
struct Length {
  unsigned length, multiplier, shift;

  // From 1 to 2^31.
  static constexpr Length of(unsigned length) {
    unsigned shift = 0;
    while ((std::uint64_t(1) << shift) < length) ++shift;
    return {length, unsigned(((std::uint64_t(1) << (31 + shift)) + length - 1) / length), shift};
  }
};

// The batch axes of a result, outermost first. Axes that operands allow to be one are one; unused ones come first, with
// length 1.
constexpr int kAxes = 4;
struct Batch {
  unsigned count;  // product of the lengths, below 2^31
  Length lengths[kAxes];
};

// A view of residues, in words: entry (i_0 ... i_3) has its limb l at words + sum of i_a strides[a] + l limb_stride,
// and there its N words in a row. An axis along which it is broadcast has stride 0.
struct Operand {
  const std::uint32_t* words;
  std::int64_t limb_stride;
  std::int64_t strides[kAxes];
};

// Residue by residue, in either domain.
void add(runtime::Stream, const Basis&, const Batch&, std::uint32_t* out, const Operand& x, const Operand& y);
void subtract(runtime::Stream, const Basis&, const Batch&, std::uint32_t* out, const Operand& x, const Operand& y);
void negate(runtime::Stream, const Basis&, const Batch&, std::uint32_t* out, const Operand& x);
void multiply(runtime::Stream, const Basis&, const Batch&, std::uint32_t* out, const Operand& x, const Operand& y);

// x times factors: one residue for each entry and limb, whose limb stride is the distance of two.
void scale(runtime::Stream, const Basis&, const Batch&, std::uint32_t* out, const Operand& x, const Operand& factors);

// x factors[0] - y factors[1]; factors: uint32[2, limbs] in device memory.
void subtract_scaled(runtime::Stream, const Basis&, const Batch&, std::uint32_t* out, const Operand& x,
                     const Operand& y, const std::uint32_t* factors);

// Rows that a transform works on, so that one launch serves several digits, and a part of a basis.
struct alignas(16) Row {
  std::uint32_t limb;   // the prime, by its number in the basis
  std::uint32_t in;     // which row of an entry of the operand
  std::uint32_t out;    // which row of an entry of the result
  std::uint32_t other;  // which row of what stands beside the operand
};
struct Rows {
  const Row* rows;  // [count] in device memory; null: row k is {k, k, k, k}
  unsigned count;
  unsigned out_rows;  // rows of an entry of the result, of which all others are left alone
};

// The transform of rows of x: coefficients to values, values to coefficients. The order of values is that of
// hepy/ring/tables.py. The result may be the operand itself, row by row.
void ntt(runtime::Stream, const Basis&, const Batch&, const Rows&, std::uint32_t* out, const Operand& x);
void intt(runtime::Stream, const Basis&, const Batch&, const Rows&, std::uint32_t* out, const Operand& x);

// ntt(x) plus rows of y, by their number `other`, times factors[k], in Montgomery form: the end of a division.
void ntt_plus_scaled(runtime::Stream, const Basis&, const Batch&, const Rows&, std::uint32_t* out, const Operand& x,
                     const Operand& y, const std::uint32_t* factors);

// The same, X replaced by X^element, odd and below 2N, in what comes out. x: laid out as out, whose place it does not
// take; what it holds is lost. Rows are where they are, in equal to out.
void ntt_plus_scaled_turned(runtime::Stream, const Basis&, const Batch&, const Rows&, std::uint32_t* out,
                            std::uint32_t* x, const Operand& y, const std::uint32_t* factors, unsigned element);

// intt(x) times f[k]. factors: uint32[count, 2] in device memory, f / N and f psi^-(N/2) / N in Montgomery form.
void intt_scaled(runtime::Stream, const Basis&, const Batch&, const Rows&, std::uint32_t* out, const Operand& x,
                 const std::uint32_t* factors);

// The same; the rows of x that it reads go to rows `other` of kept as well, [B, kept_rows, N] in device memory.
void intt_scaled_keeping(runtime::Stream, const Basis&, const Batch&, const Rows&, std::uint32_t* out, const Operand& x,
                         const std::uint32_t* factors, std::uint32_t* kept, unsigned kept_rows);

// X to X^element, odd and below 2N.
void automorphism_ntt(runtime::Stream, const Basis&, const Batch&, std::uint32_t* out, const Operand& x,
                      unsigned element);
void automorphism_coefficients(runtime::Stream, const Basis&, const Batch&, std::uint32_t* out, const Operand& x,
                               unsigned element);

// Sums of products along an axis of terms, for each of some columns, the last batch axis, which is not among those of
// `batch`. An operand that is the same for all columns has a column stride of 0 and is read once for two of them.
constexpr std::uint32_t kAbsent = ~std::uint32_t(0);
struct InnerProduct {
  unsigned terms, columns;
  Operand x, y;
  std::int64_t x_term, x_column, y_term, y_column;  // strides
  const std::uint32_t* y_limbs;                     // [limbs] in device memory: which limb of y belongs to each

  // For the first columns also lifted times a factor a limb.
  unsigned lifted_count;  // columns; with 0 the rest is not read
  Operand lifted;
  std::int64_t lifted_column;
  const std::uint32_t* lifted_limbs;    // [limbs]: its limb for each, or kAbsent
  const std::uint32_t* lifted_factors;  // [limbs]
};

// out: [batch, columns, limbs, N].
void inner_product(runtime::Stream, const Basis&, const Batch&, std::uint32_t* out, const InnerProduct&);

// (x_0 + x_1 Y)(y_0 + y_1 Y), the second part of an operand so many words behind the first; out: [batch, 3, limbs, N].
void tensor_product(runtime::Stream, const Basis&, const Batch&, std::uint32_t* out, const Operand& x,
                    std::int64_t x_part, const Operand& y, std::int64_t y_part);

}  // namespace hepy::ring

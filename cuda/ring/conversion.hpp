// Between bases, and between residues and integers, doubles or words of a stream. Conventions: ring.hpp.
#pragma once
#include <cstddef>
#include <cstdint>

#include "ring/ring.hpp"
#include "runtime/device.hpp"

namespace hepy::ring {

// ---- Exchange of primes: several digits in one launch ----

// A limb that is converted from: prime q, of a digit with product D.
struct alignas(16) Incoming {
  std::uint32_t q;
  std::uint32_t minus_inverse;  // -1/q mod 2^32
  std::uint32_t factor;         // times q / D mod q in Montgomery form: x factor is y, the numerator of y / q
  std::uint32_t reciprocal;     // floor(2^(31 + b) / q), b the bit length of q
  std::uint32_t shift;          // b - 1
  std::uint32_t row;            // of an entry of x
  std::uint32_t unused[2];
};
static_assert(sizeof(Incoming) == 32, "hepy/ring/native_conversion.py writes these as eight words");

// A limb that is converted to: prime p.
struct alignas(16) Outgoing {
  std::uint32_t p;
  std::uint32_t minus_inverse;
  std::uint32_t bound;  // p or 2p: what sums are kept below, in units of 2^32
  std::uint32_t row;    // of an entry of out
};
static_assert(sizeof(Outgoing) == 16, "hepy/ring/native_conversion.py writes these as four words");

// Where the limbs of one digit stand among those of all. Its matrix begins at word `matrix`, on 16 bytes:
// uint32[ceil(outgoing / 4), columns, 4], for four limbs out D/q_i mod p_j of each limb in, then -D mod p_j, all in
// Montgomery form. Zeros make limbs out a multiple of four and columns even.
struct alignas(16) Digit {
  std::uint32_t first_incoming, incoming, first_outgoing, outgoing, matrix;
  std::uint32_t unused[3];
};
static_assert(sizeof(Digit) == 32, "hepy/ring/native_conversion.py writes these as eight words");

struct Conversion {
  const Digit* digits;
  const Incoming* incoming;
  const Outgoing* outgoing;
  const std::uint32_t* matrices;
  unsigned digit_count;
  unsigned most_incoming, most_outgoing;  // of a digit
  unsigned rows;                          // of an entry of out
  unsigned products;                      // 4 or 2: how many keep a sum that was below bound 2^32 below 2^64, see below
  unsigned log_degree;
};

// What an operand of a conversion holds, and what is wanted of it.
enum class Scaled { kNo, kYes };   // coefficients x, or y already: canonical, times the factors
enum class Centred { kNo, kYes };  // sum of y_i D/q_i, or that minus the rounded multiple of D

// Coefficients modulo the primes of each digit, to rows of out: uint32[batch, rows, N].
//
// products: with q the largest incoming prime of a digit, products (q - 1) (p - 1) <= bound (2^32 - 1) or so adds less
// than `bound` to a sum's upper word, and twice the bound fits a word: 4 and p for q < 2^30; 4 and 2p for p < 2^30;
// else 2 and p.
void convert(runtime::Stream, const Conversion&, const Batch&, std::uint32_t* out, const Operand& x, Scaled, Centred);

// ---- Integers ----

// out[b, limb, n] = magnitudes [planes, N] of entry b, lowest word first, negated where negative[b, n] is not 0.
void from_words(runtime::Stream, const Basis&, const Batch&, std::uint32_t* out, const Operand& words, unsigned planes,
                const std::uint8_t* negative);

// out[b, limb, n] = round(scale x[b, n]), half to even, below 2^63.
void from_floats(runtime::Stream, const Basis&, std::size_t count, std::uint32_t* out, const double* x, double scale);

// A basis whose residues are put together, as integers of `words` words. Terms: the limbs, the multiple of Q that is
// subtracted, and zeros up to a multiple of 4.
struct Recombination {
  const Incoming* incoming;  // [limbs], of the whole basis as one digit
  const std::uint32_t*
      matrix;  // uint32[words + 1, terms]: word w of Q/q_i; of 2^(32 (words + 1)) - Q; rows made even by zeros
  const std::uint32_t* modulus;  // uint32[3, words]: Q, (Q - 1) / 2, (Q + 1) / 2
  unsigned limbs, terms, words;
  unsigned log_degree;
};

// The centred integers, in (-Q/2, Q/2): magnitudes uint32[batch, words, N] and signs, uint8[batch, N].
void to_words(runtime::Stream, const Recombination&, const Batch&, std::uint32_t* out, std::uint8_t* negative,
              const Operand& x);

// Their nearest doubles, half to even; Q < 2^1023.
void to_floats(runtime::Stream, const Recombination&, const Batch&, double* out, const Operand& x);

// The same modulo two primes; inverse: 1/q_0 mod q_1 in Montgomery form.
void to_floats_of_two(runtime::Stream, const Basis&, std::uint32_t inverse, const Batch&, double* out,
                      const Operand& x);

// ---- Words of a stream, on 16 bytes, to small coefficients: uint32[count, limbs, N] ----

// words: uint32[count, N].
void ternary(runtime::Stream, const Basis&, std::size_t count, std::uint32_t* out, const std::uint32_t* words);

// words: uint32[count, N, 2]; thresholds: uint64[thresholds_count], at most 33: throws InvalidArgument above.
void gaussian(runtime::Stream, const Basis&, std::size_t count, std::uint32_t* out, const std::uint32_t* words,
              const std::uint64_t* thresholds, unsigned thresholds_count);

// words: uint32[count, N, 4].
void sparse_ternary(runtime::Stream, const Basis&, std::size_t count, std::uint32_t* out, const std::uint32_t* words,
                    unsigned weight);

// ---- The canonical embedding ----

// n = 2^log_slots complex numbers an entry, real and imaginary part side by side. `roots`: float64[2, n], `slot_of`:
// uint32[n], which slot each leaf of the transform is; hepy/ring/embedding.py. scratch: as large as out, or null where
// embedding_scratch says that none is needed. out is neither x nor scratch.
bool embedding_scratch(unsigned log_slots);
void embed(runtime::Stream, double* out, double* scratch, const double* x, const double* roots,
           const std::uint32_t* slot_of, unsigned log_slots, std::size_t count);
void unembed(runtime::Stream, double* out, double* scratch, const double* x, const double* roots,
             const std::uint32_t* slot_of, unsigned log_slots, std::size_t count);

}  // namespace hepy::ring

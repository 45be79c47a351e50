// Batches of big integers modulo one odd modulus on the host's processor: what an engine does, and which there are.
//
// An element is a row of width() 64-bit limbs in the engine's own Montgomery form, canonical: the residue x R mod n in
// [0, n). Functions fill items [start, stop) of their output, so that threads can share a call; an item is an element
// unless it says otherwise. Rows of operands are indices, all of them in range. The sequence of operations and of
// addresses depends on sizes only, except where secrets index tables (`scan` reads all entries instead), and where a
// name ends in `_vartime`.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hepy::cpu {

using Limb = std::uint64_t;
using Word = std::uint32_t;  // of canonical integers, little-endian
using Row = std::int64_t;

// Elements of a batch: item i is element rows[i].
struct Operand {
  const Limb* batch;
  const Row* rows;
};

// Exponents below 2^bits, `width` words each: that of item i is at rows[i], or at i where rows is null.
struct Exponents {
  const Word* words;
  const Row* rows;
  std::size_t width;
  unsigned bits;
};

// Products of powers: `rows` vectors of `terms` bases, `columns` vectors of exponents. Terms are cut into `spans` spans
// with a result each, so results are [rows, spans, columns].
struct MultiPower {
  Exponents exponents;         // [terms, columns], rows null
  const std::uint8_t* wanted;  // [terms, columns]: what takes part
  std::size_t terms, columns, spans;
  unsigned window;
};

// What an engine starts from. It may be secret.
struct Modulus {
  const Word* n;            // the modulus, or its square root where `squared`
  const Word* one;          // R modulo the modulus, as a plain element
  std::size_t words, bits;  // of n
  bool squared;
  bool root = false;  // whether n is the root of a square whose R it shares
};

class Engine {
 public:
  virtual ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  std::size_t lanes() const { return lanes_; }          // elements that are worked on together
  std::size_t width() const { return width_; }          // limbs of an element
  std::size_t piece_words() const { return piece_; }    // words of a wide integer that load() takes at once
  std::size_t result_words() const { return result_; }  // words of a canonical integer
  std::size_t plain_words() const { return plain_; }    // words of a plain element
  bool squared() const { return squared_; }             // whether the modulus is a square

  // in: [stop, words]; factors: R^2 2^(32 piece_words k) modulo the modulus for each of the pieces, plain elements:
  // canonical words, or where the modulus is the square of m, those of the residue modulo m and of its quotient by m.
  virtual void load(Limb* out, const Word* in, std::size_t words, const Word* factors, std::size_t start,
                    std::size_t stop) const = 0;
  // out holds in factor / R, both of them plain elements: that is the element `in` where the factor is R^2.
  virtual void load_plain(Limb* out, const Word* in, const Word* factor) const = 0;
  // out = x R, as a plain element.
  virtual void store_raw(Word* out, const Limb* x) const = 0;
  // out: [stop, result_words], canonical integers.
  virtual void store(Word* out, Operand x, std::size_t start, std::size_t stop) const = 0;
  virtual void equal(std::uint8_t* out, Operand x, Operand y, std::size_t start, std::size_t stop) const = 0;

  virtual void multiply(Limb* out, Operand x, Operand y, std::size_t start, std::size_t stop) const = 0;
  virtual void square(Limb* out, Operand x, std::size_t start, std::size_t stop) const = 0;
  virtual void add(Limb* out, Operand x, Operand y, std::size_t start, std::size_t stop) const = 0;
  virtual void subtract(Limb* out, Operand x, Operand y, std::size_t start, std::size_t stop) const = 0;

  // x[i] (1 + m)^k[i] = x[i] (1 + k[i] m) modulo m^2, with -k[i] where negative[row of k[i]]; for squared engines only.
  // out is not the batch of x.
  virtual void multiply_principal(Limb* out, Operand x, const Exponents& k, const std::uint8_t* negative,
                                  std::size_t start, std::size_t stop) const = 0;

  // out[i] = x[i] / y[i] modulo m^2, given the inverses of y[i] modulo m as elements of the root's engine; for squared
  // engines only. out is not the batch of an operand.
  virtual void quotient(Limb* out, Operand x, Operand y, const Limb* inverses, std::size_t start,
                        std::size_t stop) const = 0;

  // Fixed windows from the top (Handbook of Applied Cryptography, 14.82).
  virtual void power(Limb* out, Operand x, const Exponents& e, unsigned window, bool scan, std::size_t start,
                     std::size_t stop) const = 0;
  // Sliding windows over odd powers (14.85) where elements that go together share an exponent, else fixed ones.
  virtual void power_vartime(Limb* out, Operand x, const Exponents& e, unsigned window, std::size_t start,
                             std::size_t stop) const = 0;

  // out[j] = base^(2^(window j)), j < count.
  virtual void repeated_squares(Limb* out, const Limb* base, unsigned window, std::size_t count) const = 0;
  // table[j, d] = first[j]^d for d < 2^window; items are positions j.
  virtual void fixed_base_table(Limb* table, const Limb* first, unsigned window, std::size_t start,
                                std::size_t stop) const = 0;
  // out[i] = product over j < positions of table[j, window j of exponent i].
  virtual void fixed_base_power(Limb* out, const Limb* table, const Exponents& e, std::size_t positions,
                                unsigned window, bool scan, std::size_t start, std::size_t stop) const = 0;

  // out[s] = product of x[k] for offsets[s] <= k < offsets[s + 1], one where there is none; items are segments.
  virtual void segment_product(Limb* out, Operand x, const Row* offsets, std::size_t start, std::size_t stop) const = 0;
  // Running products within each segment: out has an element for each of x. With `resume` a segment goes on from the
  // element of out before it.
  virtual void prefix_product(Limb* out, Operand x, const Row* offsets, bool resume, std::size_t start,
                              std::size_t stop) const = 0;
  // out[i] = 1 / x[i], where it held the product of the block's elements up to x[i], given the inverse of the product
  // of each `block` elements; items are blocks. Montgomery's trick, Math. Comp. 48 (1987), 10.3.1.
  virtual void block_inverse(Limb* out, Operand x, std::size_t count, std::size_t block, const Limb* inverses,
                             std::size_t start, std::size_t stop) const = 0;

  // Straus's interleaved windows (Amer. Math. Monthly 71 (1964)). Alone, an element takes sliding windows (Moeller, SAC
  // 2001), whose tables hold odd powers; elements that go together take fixed ones, and all powers.
  std::size_t straus_entries(unsigned window) const { return std::size_t(1) << (lanes_ == 1 ? window - 1 : window); }
  // tables: [items, straus_entries]; items are bases.
  virtual void straus_tables(Limb* tables, Operand x, unsigned window, std::size_t start, std::size_t stop) const = 0;
  // out: [rows, spans, columns]; tables: [rows, terms, straus_entries]; items are results.
  virtual void straus_vartime(Limb* out, const Limb* tables, const MultiPower& m, std::size_t start,
                              std::size_t stop) const = 0;
  // Pippenger's buckets (SIAM J. Comput. 9 (1980); as in Bernstein et al., eprint 2012/549, section 4). x: [rows,
  // terms]; out and items as above.
  virtual void pippenger_vartime(Limb* out, Operand x, const MultiPower& m, std::size_t start,
                                 std::size_t stop) const = 0;

 protected:
  Engine(std::size_t lanes, std::size_t width, std::size_t piece, const Modulus& modulus)
      : lanes_(lanes),
        width_(width),
        piece_(piece),
        result_(modulus.squared ? (2 * modulus.bits + 31) / 32 : modulus.words),
        plain_(modulus.squared ? 2 * modulus.words : modulus.words),
        squared_(modulus.squared) {}

 private:
  std::size_t lanes_, width_, piece_, result_, plain_;
  bool squared_;
};

struct Kind {
  std::string name;                                           // as hepy.options.engine says it
  std::string missing;                                        // what this processor lacks for it; empty where it runs
  std::string about;                                          // one line: how it multiplies
  std::size_t (*radix_bits)(std::size_t bits, bool squared);  // log2 R, as Modulus has them
  Engine* (*make)(const Modulus& modulus);
};

// The engines that were built, the fastest first. Those whose names begin with "portable" run everywhere, slowly: they
// are what others are tested with.
const std::vector<Kind>& kinds();

// Names of the extensions of this processor (and its operating system) that matter here.
std::vector<std::string> processor_features();

// Aligned memory that is zeroed when it is given back. Throws std::bad_alloc.
Limb* acquire(std::size_t limbs);
void release(Limb* memory, std::size_t limbs);
// Zeroes memory, whatever the compiler thinks of stores that nobody reads.
void wipe(Limb* memory, std::size_t limbs);

}  // namespace hepy::cpu

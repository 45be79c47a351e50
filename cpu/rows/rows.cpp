// The rings of rows: one integer, 64-bit limbs in blocks of eight, R = 2^(64 limbs); vectors are canonical rows.
#include "rows/rows.hpp"

#include "algorithms.hpp"
#include "rows/kernels.hpp"

namespace hepy::cpu {
namespace {

constexpr std::size_t kBlock = 8;
constexpr Limb kAll = ~Limb(0);

Limb minus_inverse(Limb odd) {
  Limb inverse = 1;  // Newton's iteration doubles the right bits
  for (int i = 0; i < 6; ++i) inverse *= 2 - odd * inverse;
  return 0 - inverse;
}

std::size_t limbs_for(std::size_t bits) { return (bits + 511) / 512 * kBlock; }

void to_limbs(Limb* row, std::size_t limbs, const Word* words, std::size_t count) {
  for (std::size_t j = 0; j < limbs; ++j) {
    const Limb low = 2 * j < count ? words[2 * j] : 0, high = 2 * j + 1 < count ? words[2 * j + 1] : 0;
    row[j] = low | high << 32;
  }
}

void to_words(Word* words, std::size_t count, const Limb* row) {
  for (std::size_t k = 0; k < count; ++k) words[k] = Word(row[k / 2] >> 32 * (k % 2));
}

class RowRing {
 public:
  static constexpr std::size_t kLanes = 1;
  static constexpr bool kPairs = false;
  using From = Sources<1>;
  using To = Targets<1>;

  static std::size_t width_for(std::size_t modulus_bits) { return limbs_for(modulus_bits); }
  static std::size_t piece_words_for(std::size_t modulus_bits) { return 2 * width_for(modulus_bits); }

  RowRing(const Modulus& modulus, const RowKernels& kernels)
      : kernels_(kernels), width_(width_for(modulus.bits)), memory_(acquire(2 * width_)) {
    to_limbs(memory_, width_, modulus.n, modulus.words);
    to_limbs(memory_ + width_, width_, modulus.one, modulus.words);
    minus_inverse_ = minus_inverse(n()[0]);
  }
  ~RowRing() { release(memory_, 2 * width_); }
  RowRing(const RowRing&) = delete;
  RowRing& operator=(const RowRing&) = delete;

  std::size_t width() const { return width_; }
  std::size_t scratch_limbs() const { return 4 * width_; }
  const Limb* one() const { return memory_ + width_; }

  const Limb* view(const From& from, Limb*) const { return from.at[0]; }
  Limb* place(const To& to, Limb*) const { return to.at[0]; }
  void store(const To& to, const Limb* vector) const {
    if (to.at[0] != vector) std::memcpy(to.at[0], vector, width_ * sizeof(Limb));
  }

  void multiply(Limb* out, const Limb* x, const Limb* y, Limb* scratch) const {
    kernels_.multiply(scratch, x, y, width_ / kBlock, scratch + 2 * width_);
    reduce(out, scratch);
  }

  void square(Limb* out, const Limb* x, Limb* scratch) const {
    kernels_.square(scratch, x, width_ / kBlock, scratch + 2 * width_);
    reduce(out, scratch);
  }

  void leave(Limb* out, const Limb* x, Limb* scratch) const {
    std::memcpy(scratch, x, width_ * sizeof(Limb));
    std::memset(scratch + width_, 0, width_ * sizeof(Limb));
    reduce(out, scratch);
  }

  void add(Limb* out, const Limb* x, const Limb* y, Limb* scratch) const {
    const std::size_t blocks = width_ / kBlock;
    const Limb carry = kernels_.add(scratch, x, y, kAll, 0, 0, blocks);
    const Limb back = kernels_.add(scratch, scratch, n(), kAll, kAll, 1, blocks) + carry - 1;  // all ones: below n
    kernels_.add(out, scratch, n(), back, 0, 0, blocks);
  }

  void subtract(Limb* out, const Limb* x, const Limb* y, Limb* scratch) const {
    const std::size_t blocks = width_ / kBlock;
    const Limb back = kernels_.add(scratch, x, y, kAll, kAll, 1, blocks) - 1;
    kernels_.add(out, scratch, n(), back, 0, 0, blocks);
  }

  void import_words(Limb* row, const Word* words, std::size_t count) const { to_limbs(row, width_, words, count); }
  void import_plain(Limb* row, const Word* words, std::size_t count) const { to_limbs(row, width_, words, count); }
  void export_plain(Word* words, const Limb* row, std::size_t count) const { to_words(words, count, row); }
  void export_words(Word* words, const Limb* row, std::size_t count, Limb*) const { to_words(words, count, row); }

 private:
  const Limb* n() const { return memory_; }
  void reduce(Limb* out, Limb* t) const { kernels_.reduce(out, t, n(), width_ / kBlock, minus_inverse_); }

  const RowKernels& kernels_;
  std::size_t width_;
  Limb* memory_;
  Limb minus_inverse_ = 0;
};

// Residues modulo a square m^2, as pairs of residues modulo m: x R = a + b m mod m^2 with R of m's length. Takagi,
// "Fast RSA-Type Cryptosystems Using N-adic Expansion" (CRYPTO '97), section 3, with Montgomery's reduction:
//
//   (a + b m)(c + d m) = a c + (a d + b c) m,   a c + q m = (e + s m) R   gives
//   the product / R = e + ((a d + b c - q) / R + s) m   mod m^2.
//
// Three products and two reductions of half the length are 5/8 of the limb products of a product and a reduction of
// the whole.
class PairRing {
 public:
  static constexpr std::size_t kLanes = 1;
  static constexpr bool kPairs = true;
  static constexpr unsigned kDigitBits = 64;
  using From = Sources<1>;
  using To = Targets<1>;

  static std::size_t width_for(std::size_t root_bits) { return 2 * limbs_for(root_bits); }
  static std::size_t piece_words_for(std::size_t root_bits) { return width_for(root_bits); }  // integers below R

  PairRing(const Modulus& modulus, const RowKernels& kernels)
      : kernels_(kernels),
        half_(limbs_for(modulus.bits)),
        memory_(constants(modulus, half_)),
        minus_inverse_(minus_inverse(memory_[0])),
        principal_(memory_, half_, modulus.bits) {}
  ~PairRing() { release(memory_, 3 * half_); }
  PairRing(const PairRing&) = delete;
  PairRing& operator=(const PairRing&) = delete;

  std::size_t width() const { return 2 * half_; }
  std::size_t scratch_limbs() const { return 8 * half_; }
  const Limb* one() const { return memory_ + half_; }

  const Limb* view(const From& from, Limb*) const { return from.at[0]; }
  Limb* place(const To& to, Limb*) const { return to.at[0]; }
  void store(const To& to, const Limb* vector) const {
    if (to.at[0] != vector) std::memcpy(to.at[0], vector, width() * sizeof(Limb));
  }

  // x may be a pair (a, 0) with any a below R.
  void multiply(Limb* out, const Limb* x, const Limb* y, Limb* scratch) const {
    Limb *const t = scratch, *const u = t + 2 * half_, *const v = u + 2 * half_, *const rest = v + 2 * half_;
    kernels_.multiply(u, x, y + half_, blocks(), rest);
    kernels_.multiply(v, x + half_, y, blocks(), rest);
    kernels_.multiply(t, x, y, blocks(), rest);
    finish(out, t, u, kernels_.add(u, u, v, kAll, 0, 0, 2 * blocks()));
  }

  void square(Limb* out, const Limb* x, Limb* scratch) const {
    Limb *const t = scratch, *const u = t + 2 * half_, *const rest = u + 4 * half_;
    kernels_.multiply(u, x, x + half_, blocks(), rest);
    kernels_.square(t, x, blocks(), rest);
    finish(out, t, u, kernels_.add(u, u, u, kAll, 0, 0, 2 * blocks()));
  }

  void leave(Limb* out, const Limb* x, Limb* scratch) const {
    Limb *const t = scratch, *const u = t + 2 * half_;
    std::memset(t, 0, 4 * half_ * sizeof(Limb));
    std::memcpy(t, x, half_ * sizeof(Limb));
    std::memcpy(u, x + half_, half_ * sizeof(Limb));
    finish(out, t, u, 0);
  }

  void add(Limb* out, const Limb* x, const Limb* y, Limb* scratch) const {
    const Limb over = add_half(out, x, y, 0, scratch);
    add_half(out + half_, x + half_, y + half_, over, scratch);
  }

  void subtract(Limb* out, const Limb* x, const Limb* y, Limb* scratch) const {
    const Limb under = subtract_half(out, x, y, 0, scratch);
    subtract_half(out + half_, x + half_, y + half_, under, scratch);
  }

  const Limb* view_half(const From& from, Limb*) const { return from.at[0]; }

  // x / y modulo m^2 for v = 1 / y modulo m, all in Montgomery form: with e = a v mod m of x = a + b m, x - e y is a
  // multiple f m of m, and the quotient e + f v m. `spare` is a vector, out no operand.
  void quotient(Limb* out, const Limb* x, const Limb* y, const Limb* v, Limb* spare, Limb* scratch) const {
    Limb *const t = scratch, *const u = t + 2 * half_, *const rest = u + 2 * half_;
    multiply_half(out, x, v, t, rest);
    kernels_.multiply(u, out, y + half_, blocks(), rest);
    kernels_.multiply(t, out, y, blocks(), rest);
    finish(spare, t, u, 0);
    subtract_half(spare, x + half_, spare + half_, 0, rest);
    multiply_half(out + half_, spare, v, t, rest);
  }

  static void import_digits(Limb* digits, std::size_t size, const Word* words, std::size_t count) {
    to_limbs(digits, size, words, count);
  }
  const PrincipalUnits<kDigitBits>& principal() const { return principal_; }

  // An integer below R; it need not be below m.
  void import_words(Limb* row, const Word* words, std::size_t count) const {
    to_limbs(row, half_, words, count);
    std::memset(row + half_, 0, half_ * sizeof(Limb));
  }

  // A pair of integers, half of the words each.
  void import_plain(Limb* row, const Word* words, std::size_t count) const { to_pair(row, half_, words, count); }
  void export_plain(Word* words, const Limb* row, std::size_t count) const {
    to_words(words, count / 2, row);
    to_words(words + count / 2, count / 2, row + half_);
  }

  // a + b m.
  void export_words(Word* words, const Limb* row, std::size_t count, Limb* scratch) const {
    Limb* const t = scratch;
    kernels_.multiply(t, row + half_, root(), blocks(), t + 2 * half_);
    const Limb carry = kernels_.add(t, t, row, kAll, 0, 0, blocks());
    kernels_.add(t + half_, t + half_, root(), 0, 0, carry, blocks());
    to_words(words, count, t);
  }

 private:
  static void to_pair(Limb* row, std::size_t half, const Word* words, std::size_t count) {
    to_limbs(row, half, words, count / 2);
    to_limbs(row + half, half, words + count / 2, count / 2);
  }

  // The root and, as a pair, one.
  static Limb* constants(const Modulus& modulus, std::size_t half) {
    Limb* const memory = acquire(3 * half);
    to_limbs(memory, half, modulus.n, modulus.words);
    to_pair(memory + half, half, modulus.one, 2 * modulus.words);
    return memory;
  }

  const Limb* root() const { return memory_; }
  std::size_t blocks() const { return half_ / kBlock; }

  // out = (e, (u + top R^2 - q) / R + s) for t as above, where u + top R^2 is at most 2 (m - 1)^2, or below m R.
  void finish(Limb* out, Limb* t, Limb* u, Limb top) const {
    const Limb* const m = root();
    Limb* const high = u + half_;
    const Limb s = kernels_.reduce(out, t, m, blocks(), minus_inverse_);
    // u - q + s R, of which the upper half is from -1 to 2m - 1; less m, and m again up to twice where that is
    // negative.
    const Limb enough = kernels_.add(u, u, t, kAll, kAll, 1, blocks());
    Limb sign = top - 1 + kernels_.add(high, high, m, kAll, kAll, enough, blocks());
    sign += kernels_.add(high, high, m, 0, 0, s, blocks());
    for (int i = 0; i < 2; ++i) sign += kernels_.add(high, high, m, 0 - (sign >> 63), 0, 0, blocks());
    kernels_.reduce(out + half_, u, m, blocks(), minus_inverse_);
  }

  // out = x y / R mod m
  void multiply_half(Limb* out, const Limb* x, const Limb* y, Limb* t, Limb* scratch) const {
    kernels_.multiply(t, x, y, blocks(), scratch);
    kernels_.reduce(out, t, root(), blocks(), minus_inverse_);
  }

  // out = x + y + carry mod m; returns whether m was subtracted.
  Limb add_half(Limb* out, const Limb* x, const Limb* y, Limb carry, Limb* scratch) const {
    const Limb over = kernels_.add(scratch, x, y, kAll, 0, carry, blocks());
    const Limb back = kernels_.add(scratch, scratch, root(), kAll, kAll, 1, blocks()) + over - 1;
    kernels_.add(out, scratch, root(), back, 0, 0, blocks());
    return back + 1;
  }

  // out = x - y - borrow mod m; returns whether m was added.
  Limb subtract_half(Limb* out, const Limb* x, const Limb* y, Limb borrow, Limb* scratch) const {
    const Limb back = kernels_.add(scratch, x, y, kAll, kAll, 1 - borrow, blocks()) - 1;
    kernels_.add(out, scratch, root(), back, 0, 0, blocks());
    return back & 1;
  }

  const RowKernels& kernels_;
  std::size_t half_;
  Limb* memory_;
  Limb minus_inverse_;
  PrincipalUnits<kDigitBits> principal_;
};

Engine* make(const Modulus& modulus, const RowKernels& kernels) {
  if (modulus.squared) return new EngineOf<PairRing>(modulus, kernels);
  return new EngineOf<RowRing>(modulus, kernels);
}

}  // namespace

namespace rows {

std::size_t radix_bits(std::size_t bits, bool) { return 64 * limbs_for(bits); }
Engine* make_portable(const Modulus& modulus) { return make(modulus, kPortableRows); }
#if defined(HEPY_WITH_MULX)
Engine* make_mulx(const Modulus& modulus) { return make(modulus, kMulxRows); }
#endif

}  // namespace rows
}  // namespace hepy::cpu

// The ring of lanes: eight integers with one modulus, a digit of 52 bits of each in a vector, R = 2^(52 digits).
//
// Products by scanning operands in blocks of four digits, squares by products of different digits that are doubled,
// both followed by Montgomery's reduction in blocks of four: Gueron and Krasnov, "Software Implementation of Modular
// Exponentiation, Using Advanced Vector Instructions Architectures" (WAIFI 2012), and "Accelerating Big Integer
// Arithmetic Using Intel IFMA Extensions" (ARITH 2016), here with one integer a lane, so that no lane needs another's.
//
// Working form: digits below 2^52, lane by lane below 2n; 4n <= R keeps products of such numbers below 2n. A column
// collects halves of digit products, at most 2 digits of them from a product (a square's are doubled) and 2 digits from
// the reduction: 4 * digits * 2^52 < 2^64 for less than 1024 digits, so carries wait for the end.
#pragma once
#include "algorithms.hpp"
#include "lanes/vector.hpp"

namespace hepy::cpu {
namespace {

// Once in the code, whoever calls it: these are long, and so would be the build.
#define HEPY_ONE_COPY __attribute__((noinline))

// x[i] of a batch's own digits, or of the modulus, which all lanes share.
struct OwnDigits {
  const Limb* at;
  Vector operator[](std::size_t i) const { return Vector::load(at + 8 * i); }
  OwnDigits from(std::size_t i) const { return {at + 8 * i}; }
};

struct SharedDigits {
  const Limb* at;
  Vector operator[](std::size_t i) const { return Vector::every(at[i]); }
};

// columns[4 .. digits + 4) += x * y for four digits y: of the products that reach columns 0 to 3 only what passes into
// column 4 and above. digits is a multiple of 4.
template <class Digits>
inline void add_upper_columns(Limb* columns, Digits x, const Vector (&y)[4], std::size_t digits) {
  Vector x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3];
  for (std::size_t c = 4; c < digits; c += 4) {
    const Vector x4 = x[c], x5 = x[c + 1], x6 = x[c + 2], x7 = x[c + 3];
    Limb* const to = columns + 8 * c;
    Vector low0 = Vector::load(to), low1 = Vector::load(to + 8), low2 = Vector::load(to + 16),
           low3 = Vector::load(to + 24);
    Vector high0 = multiply_high(Vector::zero(), x3, y[0]), high1 = multiply_high(Vector::zero(), x4, y[0]),
           high2 = multiply_high(Vector::zero(), x5, y[0]), high3 = multiply_high(Vector::zero(), x6, y[0]);
    low0 = multiply_low(low0, x4, y[0]), low1 = multiply_low(low1, x5, y[0]);
    low2 = multiply_low(low2, x6, y[0]), low3 = multiply_low(low3, x7, y[0]);
    high0 = multiply_high(high0, x2, y[1]), high1 = multiply_high(high1, x3, y[1]);
    high2 = multiply_high(high2, x4, y[1]), high3 = multiply_high(high3, x5, y[1]);
    low0 = multiply_low(low0, x3, y[1]), low1 = multiply_low(low1, x4, y[1]);
    low2 = multiply_low(low2, x5, y[1]), low3 = multiply_low(low3, x6, y[1]);
    high0 = multiply_high(high0, x1, y[2]), high1 = multiply_high(high1, x2, y[2]);
    high2 = multiply_high(high2, x3, y[2]), high3 = multiply_high(high3, x4, y[2]);
    low0 = multiply_low(low0, x2, y[2]), low1 = multiply_low(low1, x3, y[2]);
    low2 = multiply_low(low2, x4, y[2]), low3 = multiply_low(low3, x5, y[2]);
    high0 = multiply_high(high0, x0, y[3]), high1 = multiply_high(high1, x1, y[3]);
    high2 = multiply_high(high2, x2, y[3]), high3 = multiply_high(high3, x3, y[3]);
    low0 = multiply_low(low0, x1, y[3]), low1 = multiply_low(low1, x2, y[3]);
    low2 = multiply_low(low2, x3, y[3]), low3 = multiply_low(low3, x4, y[3]);
    (low0 + high0).store(to), (low1 + high1).store(to + 8);
    (low2 + high2).store(to + 16), (low3 + high3).store(to + 24);
    x0 = x4, x1 = x5, x2 = x6, x3 = x7;
  }
  const Vector last[4] = {x0, x1, x2, x3};
  for (std::size_t c = 0; c < 4; ++c) {  // column digits + c takes x[digits - 4 + i] at row k = 4 + c - i or one less
    Limb* const to = columns + 8 * (digits + c);
    Vector sum = Vector::load(to);
    for (std::size_t i = c; i < 4; ++i) sum = multiply_high(sum, last[i], y[3 + c - i]);
    for (std::size_t i = c + 1; i < 4; ++i) sum = multiply_low(sum, last[i], y[4 + c - i]);
    sum.store(to);
  }
}

// sum += what x * y for y[0 .. rows) brings to column c < 4.
template <class Digits>
inline Vector lower_column(Vector sum, Digits x, const Vector (&y)[4], std::size_t c, std::size_t rows) {
  for (std::size_t k = 0; k < rows && k <= c; ++k) {
    sum = multiply_low(sum, x[c - k], y[k]);
    if (k < c) sum = multiply_high(sum, x[c - k - 1], y[k]);
  }
  return sum;
}

inline void to_digits(Limb* row, std::size_t digits, const Word* words, std::size_t count) {
  for (std::size_t j = 0; j < digits; ++j) {
    const std::size_t bit = kDigitBits * j, word = bit / 32;
    unsigned __int128 bits = 0;
    for (std::size_t k = 0; k < 3 && word + k < count; ++k) {
      bits |= static_cast<unsigned __int128>(words[word + k]) << 32 * k;
    }
    row[j] = Limb(bits >> bit % 32) & kDigitMask;
  }
}

inline void to_words(Word* words, std::size_t count, const Limb* row, std::size_t digits) {
  for (std::size_t k = 0; k < count; ++k) {
    const std::size_t bit = 32 * k, digit = bit / kDigitBits;
    unsigned __int128 bits = digit < digits ? row[digit] : 0;
    if (digit + 1 < digits) bits |= static_cast<unsigned __int128>(row[digit + 1]) << kDigitBits;
    words[k] = Word(bits >> bit % kDigitBits);
  }
}

class LaneRing {
 public:
  static constexpr std::size_t kLanes = 8;
  static constexpr bool kPairs = false;
  using From = Sources<8>;
  using To = Targets<8>;

  // A multiple of 4 digits, such that 2^spare n <= R.
  static std::size_t digits_for(std::size_t modulus_bits, unsigned spare = 2) {
    return (modulus_bits + spare + 207) / 208 * 4;
  }
  static std::size_t width_for(std::size_t modulus_bits, unsigned spare = 2) {
    return (digits_for(modulus_bits, spare) + 7) / 8 * 8;
  }
  static std::size_t piece_words_for(std::size_t modulus_bits) { return kDigitBits * digits_for(modulus_bits) / 32; }

  explicit LaneRing(const Modulus& modulus, unsigned spare = 2)
      : digits_(digits_for(modulus.bits, spare)), width_(width_for(modulus.bits, spare)), memory_(acquire(2 * width_)) {
    import_words(memory_, modulus.n, modulus.words);
    import_words(memory_ + width_, modulus.one, modulus.words);
    Limb inverse = 1;  // Newton's iteration doubles the right bits
    for (int i = 0; i < 6; ++i) inverse *= 2 - n()[0] * inverse;
    minus_inverse_ = (0 - inverse) & kDigitMask;
  }
  ~LaneRing() { release(memory_, 2 * width_); }
  LaneRing(const LaneRing&) = delete;
  LaneRing& operator=(const LaneRing&) = delete;

  std::size_t width() const { return width_; }
  std::size_t scratch_limbs() const { return 8 * 2 * width_; }
  const Limb* one() const { return memory_ + width_; }

  const Limb* view(const From& from, Limb* space) const {
    gather(from, space, width_);
    return space;
  }

  Limb* place(const To&, Limb* space) const { return space; }

  void store(const To& to, const Limb* vector) const {
    put(to, 0, vector, Vector::zero(), at_least(vector, Vector::zero(), 1), Vector::zero());
  }

  void multiply(Limb* out, const Limb* x, const Limb* y, Limb* columns) const {
    clear(columns);
    add_columns(columns, x, y);
    reduce(out, columns);
  }

  void square(Limb* out, const Limb* x, Limb* columns) const {
    square_columns(columns, x);
    reduce(out, columns);
  }

  HEPY_ONE_COPY void leave(Limb* out, const Limb* x, Limb* columns) const {
    std::memcpy(columns, x, 8 * digits_ * sizeof(Limb));
    std::memset(columns + 8 * digits_, 0, 8 * digits_ * sizeof(Limb));
    reduce(out, columns);
  }

  void add(Limb* out, const Limb* x, const Limb* y, Limb*) const {
    Vector carry = Vector::zero();
    for (std::size_t j = 0; j < digits_; ++j) {
      const Vector sum = Vector::load(x + 8 * j) + Vector::load(y + 8 * j) + carry;
      carry = shift_right(sum, kDigitBits);
      (sum & Vector::every(kDigitMask)).store(out + 8 * j);
    }
  }

  void subtract(Limb* out, const Limb* x, const Limb* y, Limb*) const { subtract(out, x, y, Vector::zero(), 1); }

  // x + first + times n - y
  void subtract(Limb* out, const Limb* x, const Limb* y, Vector first, Limb times) const {
    Vector carry = first;
    for (std::size_t j = 0; j < digits_; ++j) {
      const Vector sum = Vector::load(x + 8 * j) + Vector::every(times * n()[j]) - Vector::load(y + 8 * j) + carry;
      carry = shift_right_signed(sum, kDigitBits);
      (sum & Vector::every(kDigitMask)).store(out + 8 * j);
    }
  }

  void import_words(Limb* row, const Word* words, std::size_t count) const { to_digits(row, width_, words, count); }
  void import_plain(Limb* row, const Word* words, std::size_t count) const { to_digits(row, width_, words, count); }
  void export_plain(Word* words, const Limb* row, std::size_t count) const { to_words(words, count, row, width_); }
  void export_words(Word* words, const Limb* row, std::size_t count, Limb*) const {
    to_words(words, count, row, width_);
  }

  // What pairs are made of.

  std::size_t digits() const { return digits_; }
  const Limb* n() const { return memory_; }

  void clear(Limb* columns) const { std::memset(columns, 0, 8 * 2 * digits_ * sizeof(Limb)); }

  // columns += x y
  HEPY_ONE_COPY void add_columns(Limb* columns, const Limb* x, const Limb* y) const {
    const OwnDigits digits{x};
    for (std::size_t i = 0; i < digits_; i += 4) {
      const Vector rows[4] = {Vector::load(y + 8 * i), Vector::load(y + 8 * i + 8), Vector::load(y + 8 * i + 16),
                              Vector::load(y + 8 * i + 24)};
      add_product(columns + 8 * i, digits, rows, digits_);
    }
  }

  // columns = x^2
  HEPY_ONE_COPY void square_columns(Limb* columns, const Limb* x) const {
    clear(columns);
    const OwnDigits digits{x};
    for (std::size_t i = 0; i < digits_; i += 4) {
      const Vector rows[4] = {digits[i], digits[i + 1], digits[i + 2], digits[i + 3]};
      Limb* const at = columns + 8 * 2 * i;
      for (std::size_t p = 0; p < 4; ++p) {
        for (std::size_t q = p + 1; q < 4; ++q) {
          multiply_low(Vector::load(at + 8 * (p + q)), rows[p], rows[q]).store(at + 8 * (p + q));
          multiply_high(Vector::load(at + 8 * (p + q + 1)), rows[p], rows[q]).store(at + 8 * (p + q + 1));
        }
      }
      if (i + 4 < digits_) add_product(at + 8 * 4, digits.from(i + 4), rows, digits_ - i - 4);
    }
    for (std::size_t i = 0; i < digits_; ++i) {
      const Vector digit = digits[i], low = Vector::load(columns + 16 * i), high = Vector::load(columns + 16 * i + 8);
      multiply_low(low + low, digit, digit).store(columns + 16 * i);
      multiply_high(high + high, digit, digit).store(columns + 16 * i + 8);
    }
  }

  // out = columns / R mod n, below 2n if columns are below 4n^2 in value: (4n^2 + R n) / R <= 2n. The digits of q,
  // where columns + q n = out R, are left in the lower half of the columns.
  HEPY_ONE_COPY void reduce(Limb* out, Limb* columns) const {
    const SharedDigits modulus{n()};
    const Vector inverse = Vector::every(minus_inverse_);
    Vector carry = Vector::zero();
    for (std::size_t i = 0; i < digits_; i += 4) {
      Limb* const at = columns + 8 * i;
      Vector q[4];
      for (std::size_t c = 0; c < 4; ++c) {
        // What the last quotient and the carry bring comes last: the rest does not wait for them.
        const Vector sum = lower_column(Vector::load(at + 8 * c), modulus, q, c, c) + carry;
        q[c] = multiply_low(Vector::zero(), sum, inverse);
        q[c].store(at + 8 * c);
        carry = shift_right(multiply_low(sum, modulus[0], q[c]), kDigitBits);
      }
      add_upper_columns(at, modulus, q, digits_);
    }
    const Vector mask = Vector::every(kDigitMask);
    for (std::size_t j = 0; j < digits_; ++j) {
      const Vector sum = Vector::load(columns + 8 * (digits_ + j)) + carry;
      carry = shift_right(sum, kDigitBits);
      (sum & mask).store(out + 8 * j);
    }
  }

  // All ones in the lanes where vector + first >= times n, which differ by less than R.
  Vector at_least(const Limb* vector, Vector first, Limb times) const {
    Vector carry = first;
    for (std::size_t j = 0; j < digits_; ++j) {
      carry = shift_right_signed(Vector::load(vector + 8 * j) - Vector::every(times * n()[j]) + carry, kDigitBits);
    }
    return Vector::zero() - (carry + Vector::every(1));
  }

  // vector + first - (n by mask) - (n by mask), to digits `at` and above of the rows.
  HEPY_ONE_COPY void put(const To& to, std::size_t at, const Limb* vector, Vector first, Vector once,
                         Vector twice) const {
    Vector carry = first;
    for (std::size_t j = 0; j < width_; j += 8) {
      Vector block[8];
      for (std::size_t i = 0; i < 8; ++i) {
        block[i] = Vector::zero();
        if (j + i >= digits_) continue;
        const Vector digit = Vector::every(n()[j + i]);
        const Vector sum = Vector::load(vector + 8 * (j + i)) - (digit & once) - (digit & twice) + carry;
        carry = shift_right_signed(sum, kDigitBits);
        block[i] = sum & Vector::every(kDigitMask);
      }
      transpose(block);
      for (std::size_t l = 0; l < 8; ++l) block[l].store(to.at[l] + at + j);
    }
  }

  // Eight rows as vectors, a digit of each.
  HEPY_ONE_COPY static void gather(const From& from, Limb* space, std::size_t width) {
    for (std::size_t j = 0; j < width; j += 8) {
      Vector block[8];
      for (std::size_t l = 0; l < 8; ++l) block[l] = Vector::load(from.at[l] + j);
      transpose(block);
      for (std::size_t i = 0; i < 8; ++i) block[i].store(space + 8 * (j + i));
    }
  }

 private:
  // columns += x * y for four digits y.
  static void add_product(Limb* columns, OwnDigits x, const Vector (&y)[4], std::size_t digits) {
    for (std::size_t c = 0; c < 4; ++c) lower_column(Vector::load(columns + 8 * c), x, y, c, 4).store(columns + 8 * c);
    add_upper_columns(columns, x, y, digits);
  }

  std::size_t digits_, width_;
  Limb* memory_;
  Limb minus_inverse_ = 0;
};

constexpr unsigned kPairSpare = 5;  // bits, for what PairLaneRing says

// Residues modulo the root of a square, with the square's R.
class RootLaneRing : public LaneRing {
 public:
  static std::size_t width_for(std::size_t bits) { return LaneRing::width_for(bits, kPairSpare); }
  static std::size_t piece_words_for(std::size_t bits) { return kDigitBits * digits_for(bits, kPairSpare) / 32; }
  explicit RootLaneRing(const Modulus& modulus) : LaneRing(modulus, kPairSpare) {}
};

// Residues modulo a square m^2 as pairs modulo m, as rows/rows.cpp explains, with values that stay below 3m: then
//
//   a c + q m = e R gives the product / R = e + (a d + b c - q + m R) / R m   mod m^2,
//
// e below (9 m^2 + R m) / R and the other half below (18 m^2 + 2 m R) / R, which are 2m and 3m where 32m <= R. In
// digits m R - q is (m - 1) R + (R - 1 - q) + 1, so that no column gets less. A column of the second sum collects 4 *
// digits halves from products and 2 * digits from the reduction: less than 2^64 below 682 digits.
class PairLaneRing {
 public:
  static constexpr std::size_t kLanes = 8;
  static constexpr bool kPairs = true;
  static constexpr unsigned kDigitBits = cpu::kDigitBits;
  using From = Sources<8>;
  using To = Targets<8>;

  static std::size_t width_for(std::size_t root_bits) { return 2 * RootLaneRing::width_for(root_bits); }
  static std::size_t piece_words_for(std::size_t root_bits) { return RootLaneRing::piece_words_for(root_bits); }

  explicit PairLaneRing(const Modulus& modulus)
      : half_(modulus), step_(half_.width()), one_(acquire(2 * step_)), principal_(half_.n(), step_, modulus.bits) {
    import_plain(one_, modulus.one, 2 * modulus.words);
  }
  ~PairLaneRing() { release(one_, 2 * step_); }
  PairLaneRing(const PairLaneRing&) = delete;
  PairLaneRing& operator=(const PairLaneRing&) = delete;

  std::size_t width() const { return 2 * step_; }
  std::size_t scratch_limbs() const { return 2 * half_.scratch_limbs(); }
  const Limb* one() const { return one_; }

  const Limb* view(const From& from, Limb* space) const {
    LaneRing::gather(from, space, 2 * step_);
    return space;
  }

  Limb* place(const To&, Limb* space) const { return space; }

  // Canonical: a below m, which may give b one more, and b below 3m before that.
  void store(const To& to, const Limb* vector) const {
    const Vector over = half_.at_least(vector, Vector::zero(), 1), one = Vector::zero() - over;
    const Limb* const b = upper(vector);
    half_.put(to, 0, vector, Vector::zero(), over, Vector::zero());
    half_.put(to, step_, b, one, half_.at_least(b, one, 1), half_.at_least(b, one, 2));
  }

  // x may be (a, 0) with any a below R, if y is canonical.
  void multiply(Limb* out, const Limb* x, const Limb* y, Limb* scratch) const {
    Limb *const t = scratch, *const u = t + half_.scratch_limbs();
    half_.clear(t);
    half_.clear(u);
    half_.add_columns(t, x, y);
    half_.add_columns(u, x, upper(y));
    half_.add_columns(u, upper(x), y);
    finish(out, t, u);
  }

  void square(Limb* out, const Limb* x, Limb* scratch) const {
    Limb *const t = scratch, *const u = t + half_.scratch_limbs();
    half_.square_columns(t, x);
    half_.clear(u);
    half_.add_columns(u, x, upper(x));
    for (std::size_t c = 0; c < 8 * 2 * half_.digits(); ++c) u[c] += u[c];
    finish(out, t, u);
  }

  void leave(Limb* out, const Limb* x, Limb* scratch) const {
    Limb *const t = scratch, *const u = t + half_.scratch_limbs();
    const std::size_t size = 8 * half_.digits() * sizeof(Limb);
    half_.clear(t);
    half_.clear(u);
    std::memcpy(t, x, size);
    std::memcpy(u, upper(x), size);
    finish(out, t, u);
  }

  void add(Limb* out, const Limb* x, const Limb* y, Limb* scratch) const {
    half_.add(out, x, y, scratch);
    half_.add(upper(out), upper(x), upper(y), scratch);
  }

  void subtract(Limb* out, const Limb* x, const Limb* y, Limb* scratch) const {  // a gets m, so b one less
    half_.subtract(out, x, y, scratch);
    half_.subtract(upper(out), upper(x), upper(y), Vector::every(0 - Limb(1)), 1);
  }

  const Limb* view_half(const From& from, Limb* space) const {
    LaneRing::gather(from, space, step_);
    return space;
  }

  // x / y for v = 1 / y modulo m, as rows/rows.cpp explains; x, y and v canonical. The lower half of e y is that of x,
  // or m more, so that the upper half lacks one.
  void quotient(Limb* out, const Limb* x, const Limb* y, const Limb* v, Limb* spare, Limb* scratch) const {
    Limb *const t = scratch, *const u = t + half_.scratch_limbs();
    half_.multiply(out, x, v, t);
    half_.clear(t);
    half_.clear(u);
    half_.add_columns(t, out, y);
    half_.add_columns(u, out, upper(y));
    finish(spare, t, u);
    half_.subtract(spare, upper(x), upper(spare), half_.at_least(spare, Vector::zero(), 1), 3);
    half_.multiply(upper(out), spare, v, t);
  }

  static void import_digits(Limb* digits, std::size_t size, const Word* words, std::size_t count) {
    to_digits(digits, size, words, count);
  }
  const PrincipalUnits<kDigitBits>& principal() const { return principal_; }

  // An integer below R; it need not be below m.
  void import_words(Limb* row, const Word* words, std::size_t count) const {
    to_digits(row, step_, words, count);
    std::memset(row + step_, 0, step_ * sizeof(Limb));
  }

  // A pair of integers, half of the words each.
  void import_plain(Limb* row, const Word* words, std::size_t count) const {
    to_digits(row, step_, words, count / 2);
    to_digits(row + step_, step_, words + count / 2, count / 2);
  }
  void export_plain(Word* words, const Limb* row, std::size_t count) const {
    to_words(words, count / 2, row, step_);
    to_words(words + count / 2, count / 2, row + step_, step_);
  }

  // a + b m.
  void export_words(Word* words, const Limb* row, std::size_t count, Limb* scratch) const {
    const std::size_t digits = half_.digits();
    const Limb *const b = row + step_, *const m = half_.n();
    unsigned __int128 sum = 0;
    for (std::size_t c = 0; c < 2 * digits; ++c) {
      if (c < digits) sum += row[c];
      for (std::size_t i = c < digits ? 0 : c - digits + 1; i < digits && i <= c; ++i) {
        sum += static_cast<unsigned __int128>(b[i]) * m[c - i];
      }
      scratch[c] = Limb(sum) & kDigitMask;
      sum >>= kDigitBits;
    }
    to_words(words, count, scratch, 2 * digits);
  }

 private:
  const Limb* upper(const Limb* vector) const { return vector + 8 * step_; }
  Limb* upper(Limb* vector) const { return vector + 8 * step_; }

  // out = (e, (u - q + m R) / R).
  void finish(Limb* out, Limb* t, Limb* u) const {
    const std::size_t digits = half_.digits();
    half_.reduce(out, t);
    for (std::size_t c = 0; c < digits; ++c) {
      const Vector low = Vector::load(u + 8 * c) + Vector::every(kDigitMask + (c == 0)) - Vector::load(t + 8 * c);
      low.store(u + 8 * c);
      Limb* const high = u + 8 * (digits + c);
      (Vector::load(high) + Vector::every(half_.n()[c] - (c == 0))).store(high);
    }
    half_.reduce(upper(out), u);
  }

  RootLaneRing half_;
  std::size_t step_;
  Limb* one_;
  PrincipalUnits<kDigitBits> principal_;
};

}  // namespace
}  // namespace hepy::cpu

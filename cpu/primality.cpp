// The sieve, and strong tests by the kernels of rows.
#include "primality.hpp"

#include <cstring>
#include <utility>

namespace hepy::cpu {
namespace {

using Wide = unsigned __int128;
constexpr std::size_t kBlock = 8;
constexpr Limb kAll = ~Limb(0);
constexpr unsigned kWindow = 5;      // of exponents of 2
constexpr unsigned kBaseWindow = 4;  // of other bases, of which there is a table
constexpr std::size_t kEntries = std::size_t(1) << kBaseWindow;
// Bits of a number that a quotient is guessed from: with shifts below 2^kWindow, 33 + 31 = 64.
constexpr unsigned kLeading = 33;

// 1/odd mod 2^64: Newton's iteration doubles the right bits.
Limb inverse(Limb odd) {
  Limb found = 1;
  for (int i = 0; i < 6; ++i) found *= 2 - odd * found;
  return found;
}

Limb upper(Limb a, Limb b) { return Limb(Wide(a) * b >> 64); }

Limb limb_of(const Word* words, std::size_t count, std::size_t j) {
  const Limb low = 2 * j < count ? words[2 * j] : 0, high = 2 * j + 1 < count ? words[2 * j + 1] : 0;
  return low | high << 32;
}

// A thread's memory, for numbers of up to so many words. R = 2^(512 blocks).
class StrongTest {
 public:
  StrongTest(std::size_t words, const RowKernels& kernels)
      : kernels_(kernels),
        length_((words + 15) / 16 * kBlock),
        size_((7 + kEntries) * length_),
        memory_(acquire(size_)) {}
  ~StrongTest() { release(memory_, size_); }
  StrongTest(const StrongTest&) = delete;
  StrongTest& operator=(const StrongTest&) = delete;

  // The odd number above 2 that is tested.
  void set(const Word* words, std::size_t count) {
    while (words[count - 1] == 0) --count;
    blocks_ = (count + 15) / 16;
    to_limbs(n(), words, count);
    bits_ = 32 * count;
    while (bit(bits_ - 1) == 0) --bits_;
    twos_ = 1;
    while (bit(twos_) == 0) ++twos_;
    minus_inverse_ = 0 - inverse(n()[0]);
    divisor_ = leading(n()) + 1;
    // R mod n: 2^bits - n is below n, because n is above 2^(bits - 1).
    std::memset(one(), 0, kBlock * blocks_ * sizeof(Limb));
    if (bits_ < 64 * kBlock * blocks_) one()[bits_ / 64] = Limb(1) << bits_ % 64;
    kernels_.add(one(), one(), n(), kAll, kAll, 1, blocks_);
    shift_far(one(), 64 * kBlock * blocks_ - bits_);
  }

  // n - 1 = 2^s d, d odd: whether 2^d is 1, or -1 after up to s - 1 squarings. The power needs no table and no
  // products: a window of the exponent is a shift by up to 31 bits.
  bool passes_two() {
    copy(x(), one());
    const std::size_t windows = (bits_ - twos_ + kWindow - 1) / kWindow;
    for (std::size_t w = windows; w-- > 0;) {
      for (unsigned i = 0; w + 1 < windows && i < kWindow; ++i) square();
      shift(x(), window(w, kWindow));
    }
    return ends_well();
  }

  // The same for another base, below n: [words].
  bool passes(const Word* base, std::size_t words) {
    copy(entry(0), one());
    copy(x(), one());
    shift_far(x(), 64 * kBlock * blocks_);  // R^2
    to_limbs(entry(1), base, words);
    multiply(x(), entry(1));
    copy(entry(1), x());
    for (std::size_t d = 2; d < kEntries; ++d) {
      multiply(x(), entry(1));
      copy(entry(d), x());
    }
    const std::size_t windows = (bits_ - twos_ + kBaseWindow - 1) / kBaseWindow;
    for (std::size_t w = windows; w-- > 0;) {
      const Limb* const factor = entry(window(w, kBaseWindow));
      if (w + 1 == windows) {
        copy(x(), factor);
        continue;
      }
      for (unsigned i = 0; i < kBaseWindow; ++i) square();
      multiply(x(), factor);
    }
    return ends_well();
  }

 private:
  Limb* n() const { return memory_; }
  Limb* x() const { return memory_ + length_; }
  Limb* one() const { return memory_ + 2 * length_; }
  Limb* wide() const { return memory_ + 3 * length_; }     // a product
  Limb* scratch() const { return memory_ + 5 * length_; }  // as long
  Limb* entry(std::size_t d) const { return memory_ + (7 + d) * length_; }

  void to_limbs(Limb* row, const Word* words, std::size_t count) const {
    for (std::size_t j = 0; j < kBlock * blocks_; ++j) row[j] = limb_of(words, count, j);
  }

  void copy(Limb* to, const Limb* from) const { std::memcpy(to, from, kBlock * blocks_ * sizeof(Limb)); }

  unsigned bit(std::size_t position) const {
    return position < 64 * kBlock * blocks_ ? unsigned(n()[position / 64] >> position % 64 & 1) : 0;
  }

  // Bits [count w, count (w + 1)) of d.
  unsigned window(std::size_t w, unsigned count) const {
    unsigned found = 0;
    for (unsigned i = count; i-- > 0;) found = 2 * found + bit(twos_ + count * w + i);
    return found;
  }

  // Whether x is 1, or becomes -1.
  bool ends_well() {
    if (same(x(), one())) return true;
    Limb* const minus_one = wide();
    for (std::size_t i = 1;; ++i) {
      kernels_.add(minus_one, n(), one(), kAll, kAll, 1, blocks_);
      if (same(x(), minus_one)) return true;
      if (i == twos_) return false;
      square();
    }
  }

  void multiply(Limb* to, const Limb* by) {
    kernels_.multiply(wide(), to, by, blocks_, scratch());
    kernels_.reduce(to, wide(), n(), blocks_, minus_inverse_);
  }

  void square() {
    kernels_.square(wide(), x(), blocks_, scratch());
    kernels_.reduce(x(), wide(), n(), blocks_, minus_inverse_);
  }

  // floor(y 2^(kLeading - bits)), of y below 2^bits.
  Limb leading(const Limb* y) const {
    if (bits_ <= kLeading) return y[0] << (kLeading - bits_);
    const std::size_t low = bits_ - kLeading, at = low / 64, by = low % 64;
    const Limb above = at + 1 < kBlock * blocks_ ? y[at + 1] : 0;
    return Limb((Wide(above) << 64 | y[at]) >> by);
  }

  // y = y 2^by mod n, for y < n and by < 32. With y' and n' the leading bits of both, q = floor(y' 2^by / (n' + 1)) is
  // the quotient or 1 less: the exact fractions differ by at most 2^by (y' + n' + 1) / (n' (n' + 1)), which is below
  // 2^32 / n' <= 1.
  void shift(Limb* y, unsigned by) {
    const std::size_t length = kBlock * blocks_;
    const Limb quotient = (leading(y) << by) / divisor_;
    Limb up = 0, over = 0, borrow = 0;
    for (std::size_t j = 0; j < length; ++j) {
      const Wide shifted = Wide(y[j]) << by | up, product = Wide(quotient) * n()[j] + over;
      const Wide difference = Wide(Limb(shifted)) - Limb(product) - borrow;
      y[j] = Limb(difference);
      borrow = Limb(difference >> 64) & 1;
      up = Limb(shifted >> 64);
      over = Limb(product >> 64);
    }
    const Limb top = up - over - borrow;                                          // 0 or 1, of what is below 2n
    const Limb back = top - 1 + kernels_.add(y, y, n(), kAll, kAll, 1, blocks_);  // all ones where it was below n
    kernels_.add(y, y, n(), back, 0, 0, blocks_);
  }

  void shift_far(Limb* y, std::size_t by) {
    for (; by > 31; by -= 31) shift(y, 31);
    shift(y, unsigned(by));
  }

  bool same(const Limb* a, const Limb* b) const {
    Limb differs = 0;
    for (std::size_t j = 0; j < kBlock * blocks_; ++j) differs |= a[j] ^ b[j];
    return differs == 0;
  }

  const RowKernels& kernels_;
  std::size_t length_, size_;
  Limb* memory_;
  std::size_t blocks_ = 0, bits_ = 0, twos_ = 0;
  Limb minus_inverse_ = 0, divisor_ = 0;
};

std::size_t widest(const std::vector<PrimeSearch::Column>& columns) {
  std::size_t words = 0;
  for (const auto& column : columns) words = column.words > words ? column.words : words;
  return words;
}

}  // namespace

Sieve::Sieve(const Word* primes, std::size_t count, std::size_t words) : words_(words), limbs_((words + 1) / 2) {
  for (std::size_t k = 0; k < count; ++k) {
    const Limb p = primes[k];
    if (groups_.empty() || groups_.back().product >> 46 != 0) groups_.push_back({1, 0, k, k});  // 46 + 16 = 62
    groups_.back().product *= p;
    groups_.back().last = k + 1;
    primes_.push_back({inverse(p), kAll / p});
  }
  for (Group& group : groups_) {
    group.minus_inverse = 0 - inverse(group.product);
    // 2^(64 (j + 3)): three reductions take as much from what is made of it.
    Wide power = 1;
    for (std::size_t j = 0; j < limbs_ + 3; ++j) {
      if (j > 2) powers_.push_back(Limb(power));
      power = (power << 64) % group.product;
    }
  }
}

std::vector<Limb> Sieve::products() const {
  std::vector<Limb> found;
  for (const Group& group : groups_) found.push_back(group.product);
  return found;
}

void Sieve::filter(std::uint8_t* kept, const Word* numbers, const Limb* factors, const Limb* offsets, std::size_t forms,
                   std::size_t start, std::size_t stop) const {
  Limb* const number = acquire(limbs_);
  for (std::size_t i = start; i < stop; ++i) {
    for (std::size_t j = 0; j < limbs_; ++j) number[j] = limb_of(numbers + i * words_, words_, j);
    kept[i] = keeps(number, factors, offsets, forms);
  }
  release(number, limbs_);
}

// Below, d is a group's product, below 2^62, and a reduction gives (t + (-t/d mod 2^64) d) / 2^64.
bool Sieve::keeps(const Limb* number, const Limb* factors, const Limb* offsets, std::size_t forms) const {
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const Group& group = groups_[g];
    const Limb d = group.product;
    const Limb* const powers = powers_.data() + g * limbs_;
    Wide low = 0;
    Limb high = 0;  // with `low` the sum of products, below limbs 2^126
    for (std::size_t j = 0; j < limbs_; ++j) {
      const Wide product = Wide(number[j]) * powers[j];
      low += product;
      high += low < product;
    }
    const auto reduced = [&](Wide t) { return (t >> 64) + upper(Limb(t) * group.minus_inverse, d) + (Limb(t) != 0); };
    const Limb rest = Limb(reduced(reduced(low) + (Wide(high) << 64)));  // k 2^64 mod d, below d + limbs
    for (std::size_t f = 0; f < forms; ++f) {
      const std::size_t at = f * groups_.size() + g;
      const Limb value = Limb(reduced(Wide(factors[at]) * rest)) + offsets[at];  // a k + b mod d, below 3d
      for (std::size_t k = group.first; k < group.last; ++k) {
        if (value * primes_[k].inverse <= primes_[k].most) return false;
      }
    }
  }
  return true;
}

PrimeSearch::PrimeSearch(std::vector<Column> columns, std::size_t count, const RowKernels& kernels)
    : columns_(std::move(columns)), kernels_(kernels), first_(count) {}

void PrimeSearch::run() {
  StrongTest test(widest(columns_), kernels_);
  for (std::size_t i = next_++; i < first_; i = next_++) {
    bool passes = true;
    for (const Column& column : columns_) {
      test.set(column.numbers + i * column.words, column.words);
      passes = test.passes_two();
      if (!passes) break;
    }
    if (!passes) continue;
    // Tuples before this one are others' by now, who end them and may pass one.
    std::size_t seen = first_;
    while (i < seen && !first_.compare_exchange_weak(seen, i)) {
    }
  }
}

bool is_strong_probable_prime(const Word* n, const Word* bases, std::size_t count, std::size_t words,
                              const RowKernels& kernels) {
  StrongTest test(words, kernels);
  test.set(n, words);
  for (std::size_t i = 0; i < count; ++i) {
    if (!test.passes(bases + i * words, words)) return false;
  }
  return true;
}

const RowKernels& rows_beside(const Kind& engine) {
#if defined(HEPY_WITH_MULX)
  if (engine.name.rfind("portable", 0) == 0) return kPortableRows;
  for (const Kind& each : kinds()) {
    if (each.name == "mulx" && each.missing.empty()) return kMulxRows;
  }
#endif
  return kPortableRows;
}

}  // namespace hepy::cpu

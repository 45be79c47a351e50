// Residues of integers and doubles, and integers and doubles from residues.
#include <cmath>
#include <cstring>

#include "ring/conversion.cuh"
#include "ring/residues.cuh"

namespace hepy::ring {
namespace {

// ---- To residues ----

struct LongIntegers {
  const Word* words_at;  // four words for the lowest ones of the coefficients, then the next ones a stride away
  std::int64_t stride;
  unsigned count;  // of words, at least one
  Word mask[kResidueWords];

  HEPY_DEVICE uint4 residues(const Prime& p) const {
    const auto quad = [&](unsigned k) { return runtime::load4_readonly(words_at + std::int64_t(k) * stride); };
    const auto each = [](auto function, uint4 residue, uint4 word) {
      return uint4{function(residue.x, word.x), function(residue.y, word.y), function(residue.z, word.z),
                   function(residue.w, word.w)};
    };
    uint4 sums = each([&](Word, Word word) { return product(word, p.radix, p); }, {}, quad(count - 1));
    HEPY_ROLLED
    for (unsigned k = count - 1; k-- > 0;) {
      sums = each([&](Word residue, Word word) { return append(residue, word, p); }, sums, quad(k));
    }
    return {negate_where(mask[0], sums.x, p.q), negate_where(mask[1], sums.y, p.q), negate_where(mask[2], sums.z, p.q),
            negate_where(mask[3], sums.w, p.q)};
  }
};

struct Magnitudes {
  Operand words;
  Batch batch;
  const std::uint8_t* negative;
  unsigned planes;

  HEPY_DEVICE LongIntegers at(unsigned entry, unsigned n, unsigned log_degree) const {
    LongIntegers integers{entry_of(words, batch, entry) + n, words.limb_stride, planes, {}};
    HEPY_UNROLL
    for (unsigned c = 0; c < kResidueWords; ++c) {
      integers.mask[c] = 0u - Word(negative[(std::size_t(entry) << log_degree) + n + c] != 0);
    }
    return integers;
  }
};

struct Floats {
  const double* x;
  double scale;

  HEPY_DEVICE WideIntegers at(unsigned entry, unsigned n, unsigned log_degree) const {
    WideIntegers integers;
    HEPY_UNROLL
    for (unsigned c = 0; c < kResidueWords; ++c) {
      const double whole = rint(x[(std::size_t(entry) << log_degree) + n + c] * scale);
      integers.magnitude[c] = Wide(std::int64_t(fabs(whole)));
      integers.mask[c] = 0u - Word(whole < 0.0);
    }
    return integers;
  }
};

// ---- From residues ----
//
// The sum of y_i Q/q_i minus v Q, v the rounded sum of y_i / q_i in fixed-point arithmetic, is x or next to it by Q:
// within Q/2 (1 + limbs 2^-30). It is made word by word from below, in two's complement with one word more than Q has;
// a comparison with Q/2 then says what to add. This takes limbs times words products, and none waits for another.
//
// A thread makes one integer. What it works on is in shared memory, where no other thread looks; for three primes,
// which is what decryptions mostly have, counts are known to the compiler and all is in registers.

constexpr unsigned kThreads = 64;
constexpr unsigned kFewLimbs = 3, kFewWords = 3;  // 3 primes of 31 bits are 93 bits

// A recombination, and what of it is known beforehand: with kFew the counts.
template <bool kFew>
struct Sizes {
  const Recombination& r;

  static constexpr unsigned kPitch = kFew ? 1 : kThreads;  // of a thread's words

  HEPY_DEVICE unsigned limbs() const { return kFew ? kFewLimbs : r.limbs; }
  HEPY_DEVICE unsigned words() const { return kFew ? kFewWords : r.words; }
  HEPY_DEVICE unsigned terms() const { return kFew ? (kFewLimbs + 4) / 4 * 4 : r.terms; }
};

// A sum of products below 2^96: one multiply-add with carry and one addition each.
struct Column {
  Word low = 0, middle = 0, high = 0;

  HEPY_DEVICE void add(Word a, Word b) {
    runtime::Carry carry;
    runtime::mad_wide_cc(low, middle, a, b, low, middle, carry);
    high = runtime::addc(high, 0, carry);
  }
  // The column's word; what is carried stays, to which what a column before has carried is added.
  HEPY_DEVICE Word take() {
    const Word word = low;
    low = middle, middle = high, high = 0;
    return word;
  }
  HEPY_DEVICE void add(const Column& carried) {
    runtime::Carry carry;
    low = runtime::add_cc(low, carried.low, carry);
    middle = runtime::addc_cc(middle, carried.middle, carry);
    high = runtime::addc(high, carried.high, carry);
  }
};

// y_i and v of a coefficient, and zeros behind them.
template <bool kFew>
HEPY_DEVICE void numerators(Word* ys, const Word* x, std::int64_t limb_stride, const Sizes<kFew>& sizes) {
  constexpr unsigned kPitch = Sizes<kFew>::kPitch;
  Wide sum = kHalf;
  for (unsigned i = 0; i < sizes.limbs(); ++i) {
    const Incoming q = sizes.r.incoming[i];
    const Word y = numerator(x[std::int64_t(i) * limb_stride], q);
    ys[i * kPitch] = y;
    sum += fraction(y, q);
  }
  ys[sizes.limbs() * kPitch] = Word(sum >> 32);
  for (unsigned i = sizes.limbs() + 1; i < sizes.terms(); ++i) ys[i * kPitch] = 0;
}

// The sum of y_i Q/q_i - v Q in two's complement, words() + 1 of them and perhaps one more; returns the highest. Two
// columns at a time, so that a y is read once for both.
template <bool kFew>
HEPY_DEVICE Word sum_words(Word* words, const Word* ys, const Sizes<kFew>& sizes) {
  constexpr unsigned kPitch = Sizes<kFew>::kPitch;
  Column carried;
  for (unsigned w = 0; w <= sizes.words(); w += 2) {
    const Word* const row = sizes.r.matrix + std::size_t(w) * sizes.terms();
    Column first = carried, second;
    for (unsigned i = 0; i < sizes.terms(); i += 4) {
      const uint4 a = runtime::load4_readonly(row + i), b = runtime::load4_readonly(row + sizes.terms() + i);
      const Word y[4] = {ys[i * kPitch], ys[(i + 1) * kPitch], ys[(i + 2) * kPitch], ys[(i + 3) * kPitch]};
      first.add(y[0], a.x), first.add(y[1], a.y), first.add(y[2], a.z), first.add(y[3], a.w);
      second.add(y[0], b.x), second.add(y[1], b.y), second.add(y[2], b.z), second.add(y[3], b.w);
    }
    words[w * kPitch] = first.take();
    second.add(first);
    words[(w + 1) * kPitch] = second.take();
    carried = second;
  }
  return words[sizes.words() * kPitch];
}

// Whether (words + above 2^(32 count)), in two's complement, is below -(Q - 1)/2, and whether it is (Q + 1)/2 or more.
struct Sides {
  bool too_low, too_high;
};
template <bool kFew>
HEPY_DEVICE Sides sides(const Word* words, Word above, const Sizes<kFew>& sizes) {
  const unsigned count = sizes.words();
  const Word* const lower = sizes.r.modulus + count;  // (Q - 1) / 2, and behind it (Q + 1) / 2
  Wide carry = 0, borrow = 0;
  for (unsigned k = 0; k < count; ++k) {
    const Wide word = words[k * Sizes<kFew>::kPitch];
    carry = (word + runtime::load_readonly(lower + k) + carry) >> 32;
    borrow = (word - runtime::load_readonly(lower + count + k) - borrow) >> 63;
  }
  return {Word(above + carry) >> 31 != 0, Word(above - borrow) >> 31 == 0};
}

// Where the words of a magnitude go.
struct ToWords {
  Word* out;
  std::uint8_t* negative;
  unsigned words, log_degree;

  struct Writer {
    Word* word;
    std::uint8_t* negative;
    std::size_t pitch;
    HEPY_DEVICE void take(unsigned k, Word value) { word[k * pitch] = value; }
    HEPY_DEVICE void finish(bool sign) { *negative = sign; }
  };
  HEPY_DEVICE Writer at(unsigned entry, unsigned n) const {
    const std::size_t degree = std::size_t(1) << log_degree;
    return {out + entry * words * degree + n, negative + entry * degree + n, degree};
  }
};

HEPY_DEVICE double power_of_two(int exponent) {
  const Wide bits = Wide(1023 + exponent) << 52;
  double power;
  std::memcpy(&power, &bits, sizeof(power));
  return power;
}

struct ToFloats {
  double* out;
  unsigned log_degree;

  // The highest word that is not 0, the two below it, and whether anything stands under them.
  struct Writer {
    double* out;
    Word top = 0, middle = 0, low = 0, rest = 0, place = 0;
    Word below = 0, below_that = 0, others = 0;

    HEPY_DEVICE void take(unsigned k, Word value) {
      const bool here = value != 0;
      rest = here ? others : rest;
      low = here ? below_that : low;
      middle = here ? below : middle;
      top = here ? value : top;
      place = here ? k : place;
      others |= below_that;
      below_that = below;
      below = value;
    }
    // Everything is exact but one addition, which therefore rounds the whole integer: 53 bits and a tail of 43, whose
    // last bit stands for all that is lower.
    HEPY_DEVICE void finish(bool sign) {
      constexpr double kTail = 8796093022208.0;  // 2^43
      const Wide high = Wide(top) << 21 | middle >> 11;
      const Wide tail = Wide(middle & 0x7FF) << 32 | low | Word(rest != 0);
      const double magnitude = (double(high) * kTail + double(tail)) * power_of_two(32 * (int(place) - 2));
      *out = sign ? -magnitude : magnitude;
    }
  };
  HEPY_DEVICE Writer at(unsigned entry, unsigned n) const { return {out + (std::size_t(entry) << log_degree) + n}; }
};

template <bool kFew, class Sink>
HEPY_DEVICE void recombine_one(Word* ys, Word* words, const Word* x, std::int64_t limb_stride, const Sizes<kFew>& sizes,
                               typename Sink::Writer writer) {
  numerators(ys, x, limb_stride, sizes);
  const Word above = sum_words(words, ys, sizes);
  const auto [too_low, too_high] = sides(words, above, sizes);
  const bool negative = too_high || (!too_low && above >> 31 != 0);
  // x, x - Q or x + Q, or minus that: minus is the complement and 1.
  const Word flipped = 0u - Word(negative), used = 0u - Word(too_low || too_high);
  Wide carry = negative;
  for (unsigned k = 0; k < sizes.words(); ++k) {
    const Word word = words[k * Sizes<kFew>::kPitch] ^ flipped;
    const Wide sum = carry + word + (runtime::load_readonly(sizes.r.modulus + k) & used);
    writer.take(k, Word(sum));
    carry = sum >> 32;
  }
  writer.finish(negative);
}

template <class Sink, bool kFew>
__global__ void __launch_bounds__(kThreads, 12) recombine_kernel(Sink sink, Operand x, Recombination r, Batch batch) {
  const unsigned n = blockIdx.x * kThreads + threadIdx.x;
  if (n >> r.log_degree != 0) return;
  const Sizes<kFew> sizes{r};
  for (unsigned entry = blockIdx.z; entry < batch.count; entry += gridDim.z) {
    const Word* const from = entry_of(x, batch, entry) + n;
    if constexpr (kFew) {
      Word ys[(kFewLimbs + 4) / 4 * 4], words[(kFewWords + 2) / 2 * 2];
      recombine_one<kFew, Sink>(ys, words, from, x.limb_stride, sizes, sink.at(entry, n));
    } else {
      Word* const ys = runtime::dynamic_shared<Word>() + threadIdx.x;
      recombine_one<kFew, Sink>(ys, ys + r.terms * kThreads, from, x.limb_stride, sizes, sink.at(entry, n));
    }
  }
}

template <class Sink>
void recombine(runtime::LaunchSite site, const Recombination& r, const Batch& batch, const Operand& x,
               const Sink& sink) {
  if (batch.count == 0) return;
  const bool few = r.limbs == kFewLimbs && r.words == kFewWords;
  const std::size_t shared = few ? 0 : (r.terms + (r.words + 2) / 2 * 2) * kThreads * sizeof(Word);
  runtime::launch(few ? recombine_kernel<Sink, true> : recombine_kernel<Sink, false>,
                  grid_of(runtime::blocks(std::size_t(1) << r.log_degree, kThreads), 1, batch.count), kThreads, shared,
                  site, sink, x, r, batch);
}

// x = x_0 + q_0 d, d = (x_1 - x_0) / q_0 mod q_1, below 2^62: one conversion makes it the nearest double, half to even.
__global__ void __launch_bounds__(kResidueThreads)
    to_floats_of_two_kernel(double* __restrict__ out, Operand x, Basis basis, Word inverse, Batch batch) {
  const unsigned n = blockIdx.x * blockDim.x + threadIdx.x;
  if (n >> basis.log_degree != 0) return;
  const Prime p_0 = basis.primes[0], p_1 = basis.primes[1];
  const auto modulus = std::int64_t(Wide(p_0.q) * p_1.q);
  for (unsigned entry = blockIdx.z; entry < batch.count; entry += gridDim.z) {
    const Word* const row = entry_of(x, batch, entry) + n;
    const Word first = runtime::load_readonly(row), second = runtime::load_readonly(row + x.limb_stride);
    const Word digit = product(subtract(second, append(0, first, p_1), p_1.q), inverse, p_1);
    const auto value = std::int64_t(runtime::mad_wide(p_0.q, digit, first)), centred = value - modulus;
    out[(std::size_t(entry) << basis.log_degree) + n] = double(value + centred > 0 ? centred : value);
  }
}

}  // namespace

void from_words(runtime::Stream stream, const Basis& basis, const Batch& batch, Word* out, const Operand& words,
                unsigned planes, const std::uint8_t* negative) {
  residues({stream, "ring.from_words"}, basis, out, Magnitudes{words, batch, negative, planes}, batch.count);
}

void from_floats(runtime::Stream stream, const Basis& basis, std::size_t count, Word* out, const double* x,
                 double scale) {
  residues({stream, "ring.from_floats"}, basis, out, Floats{x, scale}, count);
}

void to_words(runtime::Stream stream, const Recombination& r, const Batch& batch, Word* out, std::uint8_t* negative,
              const Operand& x) {
  recombine({stream, "ring.to_words"}, r, batch, x, ToWords{out, negative, r.words, r.log_degree});
}

void to_floats(runtime::Stream stream, const Recombination& r, const Batch& batch, double* out, const Operand& x) {
  recombine({stream, "ring.to_floats"}, r, batch, x, ToFloats{out, r.log_degree});
}

void to_floats_of_two(runtime::Stream stream, const Basis& basis, Word inverse, const Batch& batch, double* out,
                      const Operand& x) {
  if (batch.count == 0) return;
  const unsigned threads = std::min(unsigned(basis.degree()), kResidueThreads);
  runtime::launch(to_floats_of_two_kernel, grid_of(runtime::blocks(basis.degree(), threads), 1, batch.count), threads,
                  0, {stream, "ring.to_floats"}, out, x, basis, inverse, batch);
}

}  // namespace hepy::ring

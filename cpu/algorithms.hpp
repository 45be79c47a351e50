// Every operation of an engine, written once for a ring: an element at a time, or eight in lanes.
//
// A ring works on vectors of kLanes residues in working form, and says how they come from rows of memory and go there:
//
//   view(sources, space)       the vector of these rows; `space` may serve to hold it
//   place(targets, space)      where to make a vector that will go to these rows
//   store(targets, vector)     puts it there, canonical, if it is not there yet
//   multiply, square, leave    out may be an operand; `scratch` has scratch_limbs()
//   add, subtract              of canonical operands
//   import_words, export_words integers (import: below R) and rows, not in Montgomery form
//   import_plain, export_plain a plain element, as engine.hpp has it, and a row
//
// A ring of pairs, which serves a square m^2, has kPairs and also, for rows of canonical pairs,
//
//   import_digits              an integer and as many digits as are asked for
//   principal                  the PrincipalUnits of m
//   view_half, quotient        residues modulo m; x / y, given 1 / y modulo m, with room for one more vector
//
// This file is compiled once for each instruction set. Everything in it has internal linkage: the linker would
// otherwise keep one copy of a function for all, perhaps one with instructions that the processor lacks. For the same
// reason it uses nothing of the standard library that is code.
#pragma once
#include <cstring>

#include "engine.hpp"
#include "principal.hpp"

namespace hepy::cpu {
namespace {

inline std::size_t smaller(std::size_t a, std::size_t b) { return a < b ? a : b; }

// Bits [position, position + count) of exponent `row`; zero beyond its words.
inline std::size_t window_at(const Exponents& e, std::size_t row, std::size_t position, unsigned count) {
  const Word* const words = e.words + row * e.width;
  const std::size_t word = position / 32;
  if (word >= e.width) return 0;
  Limb pair = words[word];
  if (word + 1 < e.width) pair |= Limb(words[word + 1]) << 32;
  return std::size_t(pair >> position % 32) & ((std::size_t(1) << count) - 1);
}

template <std::size_t kLanes>
struct Sources {
  const Limb* at[kLanes];
};

template <std::size_t kLanes>
struct Targets {
  Limb* at[kLanes];
};

// A thread's memory for one call: vectors, then the ring's scratch, then rows, of which the first is written in vain.
template <class Ring>
class Space {
 public:
  Space(const Ring& ring, std::size_t vectors, std::size_t rows = 0)
      : vector_(Ring::kLanes * ring.width()),
        width_(ring.width()),
        scratch_(vectors * vector_),
        rows_(scratch_ + ring.scratch_limbs()),
        size_(rows_ + (1 + rows) * width_),
        memory_(size_ <= kNearby ? nearby_ : acquire(size_)) {}
  ~Space() {
    if (memory_ == nearby_) {
      wipe(memory_, size_);
    } else {
      release(memory_, size_);
    }
  }
  Space(const Space&) = delete;
  Space& operator=(const Space&) = delete;

  Limb* vector(std::size_t i) const { return memory_ + i * vector_; }
  Limb* scratch() const { return memory_ + scratch_; }
  Limb* sink() const { return memory_ + rows_; }
  Limb* row(std::size_t i) const { return memory_ + rows_ + (1 + i) * width_; }

 private:
  static constexpr std::size_t kNearby = 1024;  // 8 KiB of stack, enough for a product of rows

  std::size_t vector_, width_, scratch_, rows_, size_;
  Limb* memory_;
  alignas(64) Limb nearby_[kNearby];
};

template <class Ring>
class EngineOf final : public Engine {
  static constexpr std::size_t kLanes = Ring::kLanes;
  using From = Sources<kLanes>;
  using To = Targets<kLanes>;
  using Memory = Space<Ring>;
  // Lanes would wait for each other's windows.
  static constexpr bool kSliding = kLanes == 1;

 public:
  template <class... Options>
  explicit EngineOf(const Modulus& modulus, const Options&... options)
      : Engine(kLanes, Ring::width_for(modulus.bits), Ring::piece_words_for(modulus.bits), modulus),
        ring_(modulus, options...) {}

  void load(Limb* out, const Word* in, std::size_t words, const Word* factors, std::size_t start,
            std::size_t stop) const override {
    const Memory space(ring_, 3, kLanes + 1);
    const std::size_t pieces = (words + piece_words() - 1) / piece_words();
    Limb* const factor = space.row(kLanes);
    From from;
    To part;
    for (std::size_t l = 0; l < kLanes; ++l) from.at[l] = part.at[l] = space.row(l);
    for (std::size_t i = start; i < stop; i += kLanes) {
      const std::size_t live = smaller(kLanes, stop - i);
      const To to = targets(out, i, live, space);
      for (std::size_t k = 0; k < pieces; ++k) {
        const std::size_t at = k * piece_words(), taken = smaller(piece_words(), words - at);
        for (std::size_t l = 0; l < kLanes; ++l) {
          ring_.import_words(space.row(l), in + (i + smaller(l, live - 1)) * words + at, taken);
        }
        ring_.import_plain(factor, factors + k * plain_words(), plain_words());
        // A piece is below R and a factor below n, which is all that multiply asks for.
        const Limb* const piece = ring_.view(from, space.vector(0));
        Limb* const made = ring_.place(k == 0 ? to : part, space.vector(2));
        ring_.multiply(made, piece, ring_.view(everywhere(factor), space.vector(1)), space.scratch());
        ring_.store(k == 0 ? to : part, made);
        if (k > 0) sum(to, live, space);
      }
    }
  }

  void load_plain(Limb* out, const Word* in, const Word* factor) const override {
    const Memory space(ring_, 2, 2);
    Limb *const element = space.row(0), *const by = space.row(1);
    ring_.import_plain(element, in, plain_words());
    ring_.import_plain(by, factor, plain_words());
    const To to = targets(out, 0, 1, space);
    Limb* const made = ring_.place(to, space.vector(0));
    ring_.multiply(made, ring_.view(everywhere(element), space.vector(0)), ring_.view(everywhere(by), space.vector(1)),
                   space.scratch());
    ring_.store(to, made);
  }

  void store_raw(Word* out, const Limb* x) const override { ring_.export_plain(out, x, plain_words()); }

  void store(Word* out, Operand x, std::size_t start, std::size_t stop) const override {
    const Memory space(ring_, 1, kLanes);
    for (std::size_t i = start; i < stop; i += kLanes) {
      const std::size_t live = smaller(kLanes, stop - i);
      To plain;
      for (std::size_t l = 0; l < kLanes; ++l) plain.at[l] = space.row(l);
      Limb* const made = ring_.place(plain, space.vector(0));
      ring_.leave(made, ring_.view(sources(x, i, live), space.vector(0)), space.scratch());
      ring_.store(plain, made);
      for (std::size_t l = 0; l < live; ++l) {
        ring_.export_words(out + (i + l) * result_words(), space.row(l), result_words(), space.scratch());
      }
    }
  }

  void equal(std::uint8_t* out, Operand x, Operand y, std::size_t start, std::size_t stop) const override {
    for (std::size_t i = start; i < stop; ++i) {
      const Limb *const a = element(x, i), *const b = element(y, i);
      Limb differs = 0;
      for (std::size_t j = 0; j < width(); ++j) differs |= a[j] ^ b[j];
      out[i] = differs == 0;
    }
  }

  void multiply(Limb* out, Operand x, Operand y, std::size_t start, std::size_t stop) const override {
    binary(out, x, y, start, stop,
           [this](Limb* to, const Limb* a, const Limb* b, Limb* scratch) { ring_.multiply(to, a, b, scratch); });
  }

  void square(Limb* out, Operand x, std::size_t start, std::size_t stop) const override {
    const Memory space(ring_, 1);
    for (std::size_t i = start; i < stop; i += kLanes) {
      const std::size_t live = smaller(kLanes, stop - i);
      const To to = targets(out, i, live, space);
      Limb* const made = ring_.place(to, space.vector(0));
      ring_.square(made, ring_.view(sources(x, i, live), space.vector(0)), space.scratch());
      ring_.store(to, made);
    }
  }

  void add(Limb* out, Operand x, Operand y, std::size_t start, std::size_t stop) const override {
    binary(out, x, y, start, stop,
           [this](Limb* to, const Limb* a, const Limb* b, Limb* scratch) { ring_.add(to, a, b, scratch); });
  }

  void subtract(Limb* out, Operand x, Operand y, std::size_t start, std::size_t stop) const override {
    binary(out, x, y, start, stop,
           [this](Limb* to, const Limb* a, const Limb* b, Limb* scratch) { ring_.subtract(to, a, b, scratch); });
  }

  // On canonical rows, so one at a time for every ring: beside a product of lanes it is short.
  void multiply_principal([[maybe_unused]] Limb* out, [[maybe_unused]] Operand x, [[maybe_unused]] const Exponents& k,
                          [[maybe_unused]] const std::uint8_t* negative, [[maybe_unused]] std::size_t start,
                          [[maybe_unused]] std::size_t stop) const override {
    if constexpr (Ring::kPairs) {
      const std::size_t digits = (32 * k.width + Ring::kDigitBits - 1) / Ring::kDigitBits;
      const Memory space(ring_, 0, (digits + ring_.principal().scratch_limbs(digits)) / width() + 1);
      Limb *const short_row = space.row(0), *const scratch = short_row + digits;
      for (std::size_t i = start; i < stop; ++i) {
        const std::size_t which = exponent(k, i);
        ring_.import_digits(short_row, digits, k.words + which * k.width, k.width);
        ring_.principal().multiply(out + i * width(), element(x, i), short_row, digits, 0 - Limb(negative[which] & 1),
                                   scratch);
      }
    }
  }

  void quotient([[maybe_unused]] Limb* out, [[maybe_unused]] Operand x, [[maybe_unused]] Operand y,
                [[maybe_unused]] const Limb* inverses, [[maybe_unused]] std::size_t start,
                [[maybe_unused]] std::size_t stop) const override {
    if constexpr (Ring::kPairs) {
      const Memory space(ring_, 5);
      for (std::size_t i = start; i < stop; i += kLanes) {
        const std::size_t live = smaller(kLanes, stop - i);
        From inverse;
        for (std::size_t l = 0; l < kLanes; ++l) inverse.at[l] = inverses + (i + smaller(l, live - 1)) * (width() / 2);
        const To to = targets(out, i, live, space);
        Limb* const made = ring_.place(to, space.vector(3));
        ring_.quotient(made, ring_.view(sources(x, i, live), space.vector(0)),
                       ring_.view(sources(y, i, live), space.vector(1)), ring_.view_half(inverse, space.vector(2)),
                       space.vector(4), space.scratch());
        ring_.store(to, made);
      }
    }
  }

  void power(Limb* out, Operand x, const Exponents& e, unsigned window, bool scan, std::size_t start,
             std::size_t stop) const override {
    const std::size_t entries = std::size_t(1) << window;
    const std::size_t windows = e.bits > window ? (e.bits + window - 1) / window : 1;
    const Memory space(ring_, 3, entries * kLanes + kLanes);
    for (std::size_t i = start; i < stop; i += kLanes) {
      const std::size_t live = smaller(kLanes, stop - i);
      power_table(sources(x, i, live), entries, space);
      Selection chosen(e, i, live, space.row(0), kLanes * width(), width());
      const To to = targets(out, i, live, space);
      Limb* const total = ring_.place(to, space.vector(0));
      for (std::size_t k = windows; k-- > 0;) {
        const From from = chosen.select(k * window, window, scan, space.row(entries * kLanes), width());
        if (k + 1 == windows) {
          set(total, from, space.vector(1));
        } else {
          for (unsigned s = 0; s < window; ++s) ring_.square(total, total, space.scratch());
          ring_.multiply(total, total, ring_.view(from, space.vector(1)), space.scratch());
        }
      }
      ring_.store(to, total);
    }
  }

  void power_vartime(Limb* out, Operand x, const Exponents& e, unsigned window, std::size_t start,
                     std::size_t stop) const override {
    const Memory space(ring_, 4, (std::size_t(1) << window) * kLanes);
    for (std::size_t i = start; i < stop; i += kLanes) {
      const std::size_t live = smaller(kLanes, stop - i);
      const To to = targets(out, i, live, space);
      bool shared = true;
      for (std::size_t l = 1; l < live; ++l) shared &= exponent(e, i + l) == exponent(e, i);
      if (shared) {
        sliding_power(to, sources(x, i, live), e, exponent(e, i), window, space);
      } else {
        skipping_power(to, sources(x, i, live), e, i, live, window, space);
      }
    }
  }

  void repeated_squares(Limb* out, const Limb* base, unsigned window, std::size_t count) const override {
    const Memory space(ring_, 2);
    Limb* const power = space.vector(0);
    set(power, everywhere(base), space.vector(1));
    for (std::size_t j = 0; j < count; ++j) {
      for (unsigned s = 0; j > 0 && s < window; ++s) ring_.square(power, power, space.scratch());
      ring_.store(targets(out, j, 1, space), power);
    }
  }

  void fixed_base_table(Limb* table, const Limb* first, unsigned window, std::size_t start,
                        std::size_t stop) const override {
    const std::size_t entries = std::size_t(1) << window;
    const Memory space(ring_, 3);
    for (std::size_t j = start; j < stop; j += kLanes) {
      const std::size_t live = smaller(kLanes, stop - j);
      From from;
      To to;
      for (std::size_t l = 0; l < kLanes; ++l) {
        from.at[l] = first + (j + smaller(l, live - 1)) * width();
        to.at[l] = l < live ? table + (j + l) * entries * width() : space.sink();
      }
      powers(to, width(), from, entries, live, space);
    }
  }

  void fixed_base_power(Limb* out, const Limb* table, const Exponents& e, std::size_t positions, unsigned window,
                        bool scan, std::size_t start, std::size_t stop) const override {
    const Memory space(ring_, 2, kLanes);
    const std::size_t entries = std::size_t(1) << window;
    for (std::size_t i = start; i < stop; i += kLanes) {
      const std::size_t live = smaller(kLanes, stop - i);
      const To to = targets(out, i, live, space);
      Limb* const total = ring_.place(to, space.vector(0));
      for (std::size_t j = 0; j < positions; ++j) {
        Selection chosen(e, i, live, table + j * entries * width(), width(), 0);
        const From from = chosen.select(j * window, window, scan, space.row(0), width());
        if (j == 0) {
          set(total, from, space.vector(1));
        } else {
          ring_.multiply(total, total, ring_.view(from, space.vector(1)), space.scratch());
        }
      }
      ring_.store(to, total);
    }
  }

  void segment_product(Limb* out, Operand x, const Row* offsets, std::size_t start, std::size_t stop) const override {
    const Memory space(ring_, 2);
    for (std::size_t s = start; s < stop; s += kLanes) {
      const std::size_t live = smaller(kLanes, stop - s);
      const To to = targets(out, s, live, space);
      Limb* const total = ring_.place(to, space.vector(0));
      const std::size_t longest = longest_segment(offsets, s, live);
      set(total, step(x, offsets, s, live, 0), space.vector(1));
      for (std::size_t k = 1; k < longest; ++k) {
        ring_.multiply(total, total, ring_.view(step(x, offsets, s, live, k), space.vector(1)), space.scratch());
      }
      ring_.store(to, total);
    }
  }

  void prefix_product(Limb* out, Operand x, const Row* offsets, bool resume, std::size_t start,
                      std::size_t stop) const override {
    const Memory space(ring_, 2);
    for (std::size_t s = start; s < stop; s += kLanes) {
      const std::size_t live = smaller(kLanes, stop - s);
      Limb* const total = space.vector(0);
      const std::size_t longest = longest_segment(offsets, s, live);
      if (resume) {
        From before;
        for (std::size_t l = 0; l < kLanes; ++l) {
          before.at[l] = out + std::size_t(offsets[s + smaller(l, live - 1)] - 1) * width();
        }
        set(total, before, space.vector(1));
      }
      for (std::size_t k = 0; k < longest; ++k) {
        const From from = step(x, offsets, s, live, k);
        if (k == 0 && !resume) {
          set(total, from, space.vector(1));
        } else {
          ring_.multiply(total, total, ring_.view(from, space.vector(1)), space.scratch());
        }
        To to;
        for (std::size_t l = 0; l < kLanes; ++l) {
          const Row at = l < live ? offsets[s + l] + Row(k) : 0;
          to.at[l] = l < live && at < offsets[s + l + 1] ? out + std::size_t(at) * width() : space.sink();
        }
        ring_.store(to, total);
      }
    }
  }

  void block_inverse(Limb* out, Operand x, std::size_t count, std::size_t block, const Limb* inverses,
                     std::size_t start, std::size_t stop) const override {
    const Memory space(ring_, 3);
    for (std::size_t s = start; s < stop; s += kLanes) {
      const std::size_t live = smaller(kLanes, stop - s), longest = smaller(block, count - s * block);
      Limb *const made = space.vector(0), *const rest = space.vector(1);  // rest: 1 / (x[0] ... x[k]) of the block
      From own;
      for (std::size_t l = 0; l < kLanes; ++l) own.at[l] = inverses + (s + smaller(l, live - 1)) * width();
      set(rest, own, space.vector(2));
      // A shorter block, the last one, takes ones and writes in vain, unless it goes alone.
      for (std::size_t k = longest - 1; k > 0; --k) {
        const To to = block_targets(out, s, live, k, block, count, space);
        From before;
        for (std::size_t l = 0; l < kLanes; ++l)
          before.at[l] = to.at[l] == space.sink() ? ring_.one() : to.at[l] - width();
        ring_.multiply(made, rest, ring_.view(before, space.vector(2)), space.scratch());
        ring_.store(to, made);
        const From from = block_sources(x, s, live, k, block, count);
        ring_.multiply(rest, rest, ring_.view(from, space.vector(2)), space.scratch());
      }
      ring_.store(block_targets(out, s, live, 0, block, count, space), rest);
    }
  }

  void straus_tables(Limb* tables, Operand x, unsigned window, std::size_t start, std::size_t stop) const override {
    const std::size_t entries = straus_entries(window);
    const Memory space(ring_, 4);
    for (std::size_t i = start; i < stop; i += kLanes) {
      const std::size_t live = smaller(kLanes, stop - i);
      To to;
      for (std::size_t l = 0; l < kLanes; ++l) {
        to.at[l] = l < live ? tables + (i + l) * entries * width() : space.sink();
      }
      if constexpr (kSliding) {
        odd_powers(to, width(), sources(x, i, live), entries, live, space);
      } else {
        powers(to, width(), sources(x, i, live), entries, live, space);
      }
    }
  }

  void straus_vartime(Limb* out, const Limb* tables, const MultiPower& m, std::size_t start,
                      std::size_t stop) const override {
    const std::size_t table = straus_entries(m.window) * width(), longest = longest_span(m);
    // Sliding windows that have begun: a limb for each term and lane.
    const Memory space(ring_, 2, kSliding ? (longest * kLanes + width() - 1) / width() : 0);
    Limb *const total = space.vector(0), *const waiting = space.row(0);
    for (std::size_t i = start; i < stop; i += kLanes) {
      const std::size_t live = smaller(kLanes, stop - i);
      const Results results(m, i, live);
      if (kSliding) std::memset(waiting, 0, longest * kLanes * sizeof(Limb));
      bool begun = false;
      for (std::size_t position = m.exponents.bits; position-- > 0;) {
        if (begun) ring_.square(total, total, space.scratch());
        if (!kSliding && position % m.window != 0) continue;
        for (std::size_t k = 0; k < longest; ++k) {
          From from = everywhere(ring_.one());
          bool any = false;
          for (std::size_t l = 0; l < live; ++l) {
            const auto& result = results.at[l];
            const std::size_t term = result.first + k;
            if (term >= result.last) continue;
            const std::size_t digit =
                digit_due(m, term * m.columns + result.column, position, waiting + k * kLanes + l);
            if (digit == 0) continue;
            from.at[l] = tables + (result.row + term) * table + (kSliding ? digit >> 1 : digit) * width();
            any = true;
          }
          if (any && begun) {
            ring_.multiply(total, total, ring_.view(from, space.vector(1)), space.scratch());
          } else if (any) {
            set(total, from, space.vector(1));
            begun = true;
          }
        }
      }
      if (!begun) set(total, everywhere(ring_.one()), space.vector(1));
      ring_.store(targets(out, i, live, space), total);
    }
  }

  void pippenger_vartime(Limb* out, Operand x, const MultiPower& m, std::size_t start,
                         std::size_t stop) const override {
    const std::size_t entries = std::size_t(1) << m.window;
    const std::size_t positions = m.exponents.bits > m.window ? (m.exponents.bits + m.window - 1) / m.window : 1;
    // Behind the buckets, which of them hold something: bytes [entries, lanes], and a row has 64 of them at least.
    const Memory space(ring_, 4, entries * kLanes + (entries * kLanes + 63) / 64);
    auto* const full = reinterpret_cast<std::uint8_t*>(space.row(entries * kLanes));
    Limb *const total = space.vector(0), *const running = space.vector(1);
    for (std::size_t i = start; i < stop; i += kLanes) {
      const std::size_t live = smaller(kLanes, stop - i);
      const Results results(m, i, live);
      set(total, everywhere(ring_.one()), space.vector(2));
      for (std::size_t position = positions; position-- > 0;) {
        for (unsigned s = 0; position + 1 < positions && s < m.window; ++s) ring_.square(total, total, space.scratch());
        std::memset(full, 0, entries * kLanes);
        fill_buckets(x, m, results, position * m.window, full, space);
        // The product of bucket[d]^d, as the product of running products from the top.
        bool begun = false;
        for (std::size_t d = entries; d-- > 1;) {
          From from;
          bool any = false;
          for (std::size_t l = 0; l < kLanes; ++l) {
            const bool here = full[d * kLanes + l];
            any |= here;
            from.at[l] = here ? space.row(d * kLanes + l) : ring_.one();
          }
          if (any && begun) {
            ring_.multiply(running, running, ring_.view(from, space.vector(2)), space.scratch());
          } else if (any) {
            set(running, from, space.vector(2));
            begun = true;
          }
          if (begun) ring_.multiply(total, total, running, space.scratch());
        }
      }
      ring_.store(targets(out, i, live, space), total);
    }
  }

 private:
  // Which entry of its table each lane takes, by the exponents of items i, i + 1, ...
  class Selection {
   public:
    // Entry d of lane l is at table + d * entry + l * lane.
    Selection(const Exponents& e, std::size_t i, std::size_t live, const Limb* table, std::size_t entry,
              std::size_t lane)
        : e_(e), table_(table), entry_(entry), lane_(lane) {
      for (std::size_t l = 0; l < kLanes; ++l) exponent_[l] = exponent(e, i + smaller(l, live - 1));
    }

    // By bits [position, position + window); with `scan`, every entry is read, and the chosen one copied to `rows`.
    From select(std::size_t position, unsigned window, bool scan, Limb* rows, std::size_t width) const {
      From from;
      for (std::size_t l = 0; l < kLanes; ++l) {
        const std::size_t which = window_at(e_, exponent_[l], position, window);
        const Limb* const table = table_ + l * lane_;
        from.at[l] = scan ? scanned(rows + l * width, table, which, window, width) : table + which * entry_;
      }
      return from;
    }

   private:
    const Limb* scanned(Limb* row, const Limb* table, std::size_t which, unsigned window, std::size_t width) const {
      std::memset(row, 0, width * sizeof(Limb));
      for (std::size_t d = 0; d < std::size_t(1) << window; ++d) {
        const Limb differs = Limb(d ^ which);
        const Limb mask = ((differs | (0 - differs)) >> 63) - 1;  // all ones where d is `which`
        const Limb* const entry = table + d * entry_;
        for (std::size_t j = 0; j < width; ++j) row[j] |= entry[j] & mask;
      }
      return row;
    }

    const Exponents& e_;
    const Limb* table_;
    std::size_t entry_, lane_;
    std::size_t exponent_[kLanes];
  };

  static std::size_t exponent(const Exponents& e, std::size_t i) {
    return e.rows == nullptr ? i : std::size_t(e.rows[i]);
  }

  const Limb* element(Operand x, std::size_t i) const { return x.batch + std::size_t(x.rows[i]) * width(); }

  // Items i, i + 1, ...; lanes beyond the last live one repeat it.
  From sources(Operand x, std::size_t i, std::size_t live) const {
    From from;
    for (std::size_t l = 0; l < kLanes; ++l) from.at[l] = element(x, i + smaller(l, live - 1));
    return from;
  }

  From everywhere(const Limb* row) const {
    From from;
    for (std::size_t l = 0; l < kLanes; ++l) from.at[l] = row;
    return from;
  }

  To targets(Limb* out, std::size_t i, std::size_t live, const Memory& space) const {
    To to;
    for (std::size_t l = 0; l < kLanes; ++l) to.at[l] = l < live ? out + (i + l) * width() : space.sink();
    return to;
  }

  // vector = these rows, copied; `spare` is room for a vector.
  void set(Limb* vector, const From& from, Limb* spare) const {
    const Limb* const seen = ring_.view(from, spare);
    std::memcpy(vector, seen, kLanes * width() * sizeof(Limb));
  }

  // to += rows of `space`, modulo n.
  void sum(const To& to, std::size_t live, const Memory& space) const {
    From left, right;
    for (std::size_t l = 0; l < kLanes; ++l) {
      left.at[l] = to.at[smaller(l, live - 1)];
      right.at[l] = space.row(l);
    }
    Limb* const made = ring_.place(to, space.vector(0));
    ring_.add(made, ring_.view(left, space.vector(0)), ring_.view(right, space.vector(1)), space.scratch());
    ring_.store(to, made);
  }

  template <class Operation>
  void binary(Limb* out, Operand x, Operand y, std::size_t start, std::size_t stop, Operation operation) const {
    const Memory space(ring_, 2);
    for (std::size_t i = start; i < stop; i += kLanes) {
      const std::size_t live = smaller(kLanes, stop - i);
      const To to = targets(out, i, live, space);
      Limb* const made = ring_.place(to, space.vector(0));
      operation(made, ring_.view(sources(x, i, live), space.vector(0)),
                ring_.view(sources(y, i, live), space.vector(1)), space.scratch());
      ring_.store(to, made);
    }
  }

  // Entry d of lane l, base^d, to row d * kLanes + l of `space`, for d < entries.
  void power_table(const From& base, std::size_t entries, const Memory& space) const {
    To to;
    for (std::size_t l = 0; l < kLanes; ++l) to.at[l] = space.row(l);
    powers(to, kLanes * width(), base, entries, kLanes, space);
  }

  // base^d to `to`, `step` limbs further for each d < entries. Uses vectors 0 to 2.
  void powers(To to, std::size_t step, const From& base, std::size_t entries, std::size_t live,
              const Memory& space) const {
    Limb *const power = space.vector(0), *const factor = space.vector(1);
    set(factor, base, space.vector(2));
    for (std::size_t d = 0; d < entries; ++d) {
      if (d < 2) {
        set(power, d == 0 ? everywhere(ring_.one()) : base, space.vector(2));
      } else if (d % 2 == 0) {
        From half;
        for (std::size_t l = 0; l < kLanes; ++l) {
          const Limb* const here = to.at[smaller(l, live - 1)];
          half.at[l] = here - (d - d / 2) * step;
        }
        ring_.square(power, ring_.view(half, space.vector(2)), space.scratch());
      } else {
        ring_.multiply(power, power, factor, space.scratch());
      }
      ring_.store(to, power);
      for (std::size_t l = 0; l < live; ++l) to.at[l] += step;
    }
  }

  // One exponent for all lanes.
  void sliding_power(const To& to, const From& base, const Exponents& e, std::size_t row, unsigned window,
                     const Memory& space) const {
    Limb* const total = ring_.place(to, space.vector(0));
    std::size_t top = e.bits;
    while (top > 0 && window_at(e, row, top - 1, 1) == 0) --top;
    if (top == 0) {
      set(total, everywhere(ring_.one()), space.vector(1));
      ring_.store(to, total);
      return;
    }
    To table;
    for (std::size_t l = 0; l < kLanes; ++l) table.at[l] = space.row(l);
    std::size_t lowest = 0;
    while (window_at(e, row, lowest, 1) == 0) ++lowest;
    const bool squares = lowest + 1 == top;  // a power of two takes the base alone
    odd_powers(table, kLanes * width(), base, squares ? 1 : std::size_t(1) << (window - 1), kLanes, space);
    bool begun = false;
    while (top > 0) {
      if (window_at(e, row, top - 1, 1) == 0) {
        ring_.square(total, total, space.scratch());
        --top;
        continue;
      }
      std::size_t low = top > window ? top - window : 0;
      while (window_at(e, row, low, 1) == 0) ++low;
      const std::size_t which = window_at(e, row, low, unsigned(top - low)) >> 1;
      From from;
      for (std::size_t l = 0; l < kLanes; ++l) from.at[l] = space.row(which * kLanes + l);
      if (begun) {
        for (std::size_t s = low; s < top; ++s) ring_.square(total, total, space.scratch());
        ring_.multiply(total, total, ring_.view(from, space.vector(1)), space.scratch());
      } else {
        set(total, from, space.vector(1));
        begun = true;
      }
      top = low;
    }
    ring_.store(to, total);
  }

  // base, base^3, ... to `to`, `step` limbs further for each. Uses vectors 1 to 3.
  void odd_powers(To to, std::size_t step, const From& base, std::size_t count, std::size_t live,
                  const Memory& space) const {
    Limb *const power = space.vector(1), *const twice = space.vector(2);
    set(power, base, space.vector(3));
    if (count > 1) ring_.square(twice, power, space.scratch());
    for (std::size_t k = 0; k < count; ++k) {
      if (k > 0) ring_.multiply(power, power, twice, space.scratch());
      ring_.store(to, power);
      for (std::size_t l = 0; l < live; ++l) to.at[l] += step;
    }
  }

  // An exponent for each lane: fixed windows, of which those are skipped that are zero in every lane.
  void skipping_power(const To& to, const From& base, const Exponents& e, std::size_t i, std::size_t live,
                      unsigned window, const Memory& space) const {
    power_table(base, std::size_t(1) << window, space);
    Limb* const total = ring_.place(to, space.vector(0));
    Selection chosen(e, i, live, space.row(0), kLanes * width(), width());
    bool begun = false;
    for (std::size_t k = e.bits > window ? (e.bits + window - 1) / window : 1; k-- > 0;) {
      for (unsigned s = 0; begun && s < window; ++s) ring_.square(total, total, space.scratch());
      std::size_t any = 0;
      for (std::size_t l = 0; l < live; ++l) any |= window_at(e, exponent(e, i + l), k * window, window);
      if (any == 0) continue;
      const From from = chosen.select(k * window, window, false, nullptr, width());
      if (begun) {
        ring_.multiply(total, total, ring_.view(from, space.vector(1)), space.scratch());
      } else {
        set(total, from, space.vector(1));
        begun = true;
      }
    }
    if (!begun) set(total, everywhere(ring_.one()), space.vector(1));
    ring_.store(to, total);
  }

  static std::size_t longest_segment(const Row* offsets, std::size_t s, std::size_t live) {
    std::size_t longest = 0;
    for (std::size_t l = 0; l < live; ++l) {
      const std::size_t length = std::size_t(offsets[s + l + 1] - offsets[s + l]);
      longest = length > longest ? length : longest;
    }
    return longest;
  }

  // Element k of each segment, one where a segment has no more.
  From step(Operand x, const Row* offsets, std::size_t s, std::size_t live, std::size_t k) const {
    From from;
    for (std::size_t l = 0; l < kLanes; ++l) {
      const std::size_t segment = s + smaller(l, live - 1);
      const Row at = offsets[segment] + Row(k);
      from.at[l] = at < offsets[segment + 1] ? element(x, std::size_t(at)) : ring_.one();
    }
    return from;
  }

  // Element k of each block, one where a block has no more.
  From block_sources(Operand x, std::size_t s, std::size_t live, std::size_t k, std::size_t block,
                     std::size_t count) const {
    From from;
    for (std::size_t l = 0; l < kLanes; ++l) {
      const std::size_t at = (s + smaller(l, live - 1)) * block + k;
      from.at[l] = at < count ? element(x, at) : ring_.one();
    }
    return from;
  }

  To block_targets(Limb* out, std::size_t s, std::size_t live, std::size_t k, std::size_t block, std::size_t count,
                   const Memory& space) const {
    To to;
    for (std::size_t l = 0; l < kLanes; ++l) {
      const std::size_t at = (s + l) * block + k;
      to.at[l] = l < live && at < count ? out + at * width() : space.sink();
    }
    return to;
  }

  // A result of a product of powers for each lane: a column of a span of a row's terms, [first, last). Lanes beyond the
  // last live one have no terms.
  struct Results {
    Results(const MultiPower& m, std::size_t i, std::size_t live) {
      for (std::size_t l = 0; l < live; ++l) {
        const std::size_t part = (i + l) / m.columns, span = part % m.spans;
        at[l] = {part / m.spans * m.terms, (i + l) % m.columns, m.terms * span / m.spans,
                 m.terms * (span + 1) / m.spans};
      }
    }
    struct {
      std::size_t row, column, first, last;  // row: of its bases, the first
    } at[kLanes] = {};
  };

  static std::size_t longest_span(const MultiPower& m) { return (m.terms + m.spans - 1) / m.spans; }

  // The digit of exponent `at` that is multiplied at this bit, 0 where there is none; asked for every bit from the top,
  // or with fixed windows for every lowest bit of one. `waiting` keeps the window that has begun, its lowest bit and
  // its digit, which is odd; 0 where none has.
  static std::size_t digit_due(const MultiPower& m, std::size_t at, std::size_t position, Limb* waiting) {
    if (!m.wanted[at]) return 0;
    if constexpr (!kSliding) return window_at(m.exponents, at, position, m.window);
    if (*waiting == 0) {
      if (window_at(m.exponents, at, position, 1) == 0) return 0;
      std::size_t low = position + 1 > m.window ? position + 1 - m.window : 0;
      while (window_at(m.exponents, at, low, 1) == 0) ++low;
      *waiting = Limb(low) << 32 | window_at(m.exponents, at, low, unsigned(position + 1 - low));
    }
    if (*waiting >> 32 != position) return 0;
    const auto digit = std::size_t(*waiting & 0xffffffff);
    *waiting = 0;
    return digit;
  }

  static std::size_t digit_of(const MultiPower& m, std::size_t term, std::size_t column, std::size_t position) {
    const std::size_t at = term * m.columns + column;
    return m.wanted[at] ? window_at(m.exponents, at, position, m.window) : 0;
  }

  // For every base, multiply it into the bucket of its digit, in each lane. Vectors 0 and 1 are the caller's.
  void fill_buckets(Operand x, const MultiPower& m, const Results& results, std::size_t position, std::uint8_t* full,
                    const Memory& space) const {
    for (std::size_t k = 0; k < longest_span(m); ++k) {
      From base = everywhere(ring_.one()), bucket = base;
      To to;
      bool any = false, mix = false;
      for (std::size_t l = 0; l < kLanes; ++l) {
        to.at[l] = space.sink();
        const auto& result = results.at[l];
        const std::size_t term = result.first + k;
        const std::size_t digit = term < result.last ? digit_of(m, term, result.column, position) : 0;
        if (digit == 0) continue;
        any = true;
        base.at[l] = element(x, result.row + term);
        to.at[l] = space.row(digit * kLanes + l);
        std::uint8_t& here = full[digit * kLanes + l];
        if (here) bucket.at[l] = to.at[l];
        mix |= here != 0;
        here = 1;
      }
      if (!any) continue;
      Limb* const made = space.vector(2);
      if (mix) {
        ring_.multiply(made, ring_.view(base, space.vector(2)), ring_.view(bucket, space.vector(3)), space.scratch());
      } else {
        set(made, base, space.vector(3));
      }
      ring_.store(to, made);
    }
  }

  Ring ring_;
};

}  // namespace
}  // namespace hepy::cpu

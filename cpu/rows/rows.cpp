// The ring of rows: one integer, 64-bit limbs in blocks of eight, R = 2^(64 limbs); vectors are canonical rows.
#include "rows/rows.hpp"

#include "algorithms.hpp"
#include "rows/kernels.hpp"

namespace hepy::cpu {
namespace {

constexpr std::size_t kBlock = 8;

class RowRing {
 public:
  static constexpr std::size_t kLanes = 1;
  using From = Sources<1>;
  using To = Targets<1>;

  static std::size_t width_for(std::size_t modulus_bits) { return (modulus_bits + 511) / 512 * kBlock; }
  static std::size_t piece_words_for(std::size_t modulus_bits) { return 2 * width_for(modulus_bits); }

  RowRing(const Modulus& modulus, const RowKernels& kernels)
      : kernels_(kernels), width_(width_for(modulus.bits)), memory_(acquire(2 * width_)) {
    import_words(memory_, modulus.n, modulus.words);
    import_words(memory_ + width_, modulus.one, modulus.words);
    Limb inverse = 1;  // Newton's iteration doubles the right bits
    for (int i = 0; i < 6; ++i) inverse *= 2 - n()[0] * inverse;
    minus_inverse_ = 0 - inverse;
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
    Limb carry = 0, borrow = 0;
    for (std::size_t j = 0; j < width_; ++j) {
      const Wide sum = Wide(x[j]) + y[j] + carry;
      carry = Limb(sum >> 64);
      const Wide difference = Wide(Limb(sum)) - n()[j] - borrow;
      borrow = Limb(difference >> 64) & 1;
      scratch[j] = Limb(sum);
      scratch[width_ + j] = Limb(difference);
    }
    const Limb keep = 0 - (borrow & ~carry);
    for (std::size_t j = 0; j < width_; ++j) out[j] = (scratch[j] & keep) | (scratch[width_ + j] & ~keep);
  }

  void subtract(Limb* out, const Limb* x, const Limb* y, Limb* scratch) const {
    Limb borrow = 0, carry = 0;
    for (std::size_t j = 0; j < width_; ++j) {
      const Wide difference = Wide(x[j]) - y[j] - borrow;
      borrow = Limb(difference >> 64) & 1;
      scratch[j] = Limb(difference);
    }
    const Limb mask = 0 - borrow;
    for (std::size_t j = 0; j < width_; ++j) {
      const Wide sum = Wide(scratch[j]) + (n()[j] & mask) + carry;
      carry = Limb(sum >> 64);
      out[j] = Limb(sum);
    }
  }

  void import_words(Limb* row, const Word* words, std::size_t count) const {
    for (std::size_t j = 0; j < width_; ++j) {
      const Limb low = 2 * j < count ? words[2 * j] : 0, high = 2 * j + 1 < count ? words[2 * j + 1] : 0;
      row[j] = low | high << 32;
    }
  }

  void export_words(Word* words, const Limb* row, std::size_t count) const {
    for (std::size_t k = 0; k < count; ++k) words[k] = Word(row[k / 2] >> 32 * (k % 2));
  }

 private:
  using Wide = unsigned __int128;

  const Limb* n() const { return memory_; }
  void reduce(Limb* out, Limb* t) const { kernels_.reduce(out, t, n(), width_ / kBlock, minus_inverse_); }

  const RowKernels& kernels_;
  std::size_t width_;
  Limb* memory_;
  Limb minus_inverse_ = 0;
};

}  // namespace

namespace rows {

std::size_t radix_bits(std::size_t modulus_bits) { return 64 * RowRing::width_for(modulus_bits); }
Engine* make_portable(const Modulus& modulus) { return new EngineOf<RowRing>(modulus, kPortableRows); }
#if defined(HEPY_WITH_MULX)
Engine* make_mulx(const Modulus& modulus) { return new EngineOf<RowRing>(modulus, kMulxRows); }
#endif

}  // namespace rows
}  // namespace hepy::cpu

// The source of the IFMA engine beside the same in plain C++, where no processor has the instructions: compiled with
// intrinsics/immintrin.h they run anywhere. Prints nothing and ends with 0 where every limb agrees; `make sanitize`
// builds and runs it.
#include "lanes/lanes.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <random>
#include <vector>

namespace {

using hepy::cpu::Engine;
using hepy::cpu::Exponents;
using hepy::cpu::Limb;
using hepy::cpu::Modulus;
using hepy::cpu::MultiPower;
using hepy::cpu::Operand;
using hepy::cpu::Row;
using hepy::cpu::Word;

constexpr std::size_t kCount = 19;  // two vectors and a part of one
constexpr unsigned kWindow = 3, kExponentBits = 40;

std::mt19937_64 generator(52);

// How words are filled: at random, with ones, or with ones at the top and nothing below.
enum class Fill { kRandom, kOnes, kSparse };

std::vector<Word> filled(std::size_t words, Fill fill) {
  std::vector<Word> out(words, fill == Fill::kOnes ? ~Word(0) : 0);
  for (auto& word : out) word = fill == Fill::kRandom ? Word(generator()) : word;
  return out;
}

// An odd number of exactly so many bits.
std::vector<Word> modulus(std::size_t bits, Fill fill) {
  std::vector<Word> out = filled((bits + 31) / 32, fill);
  const unsigned top = (bits - 1) % 32;
  out.back() &= ~Word(0) >> (31 - top);
  out.back() |= Word(1) << top;
  out[0] |= 1;
  return out;
}

// Plain elements below n, or pairs of such halves: less than half of n by their length, or n - 1.
std::vector<Word> elements(const std::vector<Word>& n, std::size_t bits, std::size_t halves, bool largest) {
  std::vector<Word> out;
  for (std::size_t half = 0; half < halves; ++half) {
    std::vector<Word> part = n;
    part[0] -= 1;
    if (!largest) {
      part = filled(n.size(), Fill::kRandom);
      part.back() &= (Word(1) << (bits - 1) % 32) - 1;
    }
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

bool check(std::size_t bits, bool squared, Fill fill) {
  const std::vector<Word> n = modulus(bits, fill);
  const std::size_t halves = squared ? 2 : 1;
  const std::vector<Word> one = elements(n, bits, halves, false), factor = elements(n, bits, halves, true);
  const Modulus value{n.data(), one.data(), n.size(), bits, squared};
  const std::unique_ptr<Engine> wide(hepy::cpu::lanes::make_ifma(value)), plain(hepy::cpu::lanes::make_portable(value));

  const std::size_t words = plain->piece_words(), width = plain->width();
  std::vector<Word> integers = filled(kCount * words, Fill::kRandom), exponents = filled(2 * kCount, Fill::kRandom);
  for (std::size_t i = 0; i < 2 * words; ++i) integers[i] = i < words ? ~Word(0) : 0;
  for (std::size_t i = 0; i < kCount; ++i) exponents[2 * i + 1] &= 0xff;
  std::vector<Row> rows(kCount), offsets{0, 3, 3, 10, 11, kCount};
  for (std::size_t i = 0; i < kCount; ++i) rows[i] = Row(kCount - 1 - i);
  std::vector<Limb> batch(kCount * width);
  plain->load(batch.data(), integers.data(), words, factor.data(), 0, kCount);

  const Operand x{batch.data(), rows.data()}, y{batch.data(), rows.data() + 1};
  const Exponents e{exponents.data(), nullptr, 2, kExponentBits};
  const std::vector<std::uint8_t> wanted(kCount, 1);
  const MultiPower powers{e, wanted.data(), kCount, 1, 1, kWindow};
  bool right = true;
  const auto see = [&](const char* name, std::size_t items, const std::function<void(const Engine&, Limb*)>& work) {
    std::vector<Limb> left(items * width), seen(items * width);
    work(*plain, left.data());
    work(*wide, seen.data());
    if (left == seen) return;
    std::printf("%zu bits%s: %s differs\n", bits, squared ? ", squared" : "", name);
    right = false;
  };
  const std::size_t segments = offsets.size() - 1;
  see("load", kCount,
      [&](const Engine& by, Limb* out) { by.load(out, integers.data(), words, factor.data(), 0, kCount); });
  see("multiply", kCount - 1, [&](const Engine& by, Limb* out) { by.multiply(out, x, y, 0, kCount - 1); });
  see("square", kCount, [&](const Engine& by, Limb* out) { by.square(out, x, 0, kCount); });
  see("add", kCount - 1, [&](const Engine& by, Limb* out) { by.add(out, x, y, 0, kCount - 1); });
  see("subtract", kCount - 1, [&](const Engine& by, Limb* out) { by.subtract(out, x, y, 0, kCount - 1); });
  see("power", kCount, [&](const Engine& by, Limb* out) { by.power(out, x, e, kWindow, true, 0, kCount); });
  see("power_vartime", kCount, [&](const Engine& by, Limb* out) { by.power_vartime(out, x, e, kWindow, 0, kCount); });
  see("segment_product", segments,
      [&](const Engine& by, Limb* out) { by.segment_product(out, x, offsets.data(), 0, segments); });
  see("prefix_product", kCount, [&](const Engine& by, Limb* out) {
    by.prefix_product(out, x, offsets.data(), false, 0, segments);
    by.prefix_product(out, x, offsets.data(), true, 2, segments);
  });
  // Not inverses, but the same products.
  see("block_inverse", kCount, [&](const Engine& by, Limb* out) {
    std::copy(batch.begin(), batch.end(), out);
    by.block_inverse(out, x, kCount, 3, batch.data(), 0, (kCount + 2) / 3);
  });
  if (squared) {
    see("quotient", kCount - 1,
        [&](const Engine& by, Limb* out) { by.quotient(out, x, y, batch.data(), 0, kCount - 1); });
  }
  const std::size_t tables = kCount * plain->straus_entries(kWindow);
  see("straus_tables", tables, [&](const Engine& by, Limb* out) { by.straus_tables(out, x, kWindow, 0, kCount); });
  std::vector<Limb> made(tables * width);
  plain->straus_tables(made.data(), x, kWindow, 0, kCount);
  see("straus_vartime", 1, [&](const Engine& by, Limb* out) { by.straus_vartime(out, made.data(), powers, 0, 1); });
  see("pippenger_vartime", 1, [&](const Engine& by, Limb* out) { by.pippenger_vartime(out, x, powers, 0, 1); });

  std::vector<Word> left(kCount * plain->result_words()), seen(left.size());
  plain->store(left.data(), x, 0, kCount);
  wide->store(seen.data(), x, 0, kCount);
  if (left != seen) std::printf("%zu bits: store differs\n", bits);
  return right && left == seen;
}

}  // namespace

int main() {
  bool right = true;
  for (const Fill fill : {Fill::kRandom, Fill::kOnes, Fill::kSparse}) {
    // Lengths around those where digits and blocks of four digits begin, with the bits that are to spare.
    for (const std::size_t edge : {8, 52, 104, 208, 416, 624, 1024, 1040}) {
      for (std::size_t bits = edge - 5; bits <= edge + 2; ++bits) {
        right &= check(bits, false, fill) & check(bits, true, fill);
      }
    }
    right &= check(2048, false, fill) & check(1536, true, fill);
  }
  return right ? 0 : 1;
}

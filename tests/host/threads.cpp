// The host's engines under ThreadSanitizer: threads share one engine and fill ranges of the same arrays, as hepy's pool
// makes them. Prints nothing and ends with 0 where every result is that of one thread; `make sanitize` builds and runs
// it.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "engine.hpp"
#include "primality.hpp"

namespace {

using hepy::cpu::Engine;
using hepy::cpu::Exponents;
using hepy::cpu::Limb;
using hepy::cpu::MultiPower;
using hepy::cpu::Operand;
using hepy::cpu::Row;
using hepy::cpu::Word;

constexpr std::size_t kCount = 37, kThreads = 4, kBits = 1024, kWords = kBits / 32;
constexpr unsigned kWindow = 4, kExponentBits = 40;

using Work = std::function<void(Limb* out, std::size_t start, std::size_t stop)>;

// `items` items of `each` limbs, by one thread and by several at once, in ranges that end anywhere.
bool agree(const char* name, std::size_t items, std::size_t each, const Work& work) {
  std::vector<Limb> alone(items * each), shared(items * each);
  work(alone.data(), 0, items);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] { work(shared.data(), items * t / kThreads, items * (t + 1) / kThreads); });
  }
  for (auto& thread : threads) thread.join();
  if (alone == shared) return true;
  std::printf("%s: threads give something else\n", name);
  return false;
}

bool check(const hepy::cpu::Kind& kind) {
  // R mod n for n = 2^1024 - 1, by way of R = 2^(1024 k + r) = 2^r.
  std::vector<Word> n(kWords, ~Word(0)), one(kWords, 0);
  const std::size_t power = kind.radix_bits(kBits, false) % kBits;
  one[power / 32] = Word(1) << power % 32;
  const std::unique_ptr<Engine> engine(kind.make({n.data(), one.data(), kWords, kBits, false}));

  std::mt19937_64 random(7);
  std::vector<Word> integers(kCount * kWords), exponents(kCount * 2);
  for (auto& word : integers) word = Word(random());
  for (std::size_t i = 0; i < kCount; ++i) exponents[2 * i] = Word(random()), exponents[2 * i + 1] = random() & 0xff;
  std::vector<Row> rows(kCount), offsets{0, 3, 3, 20, 21, kCount};
  for (std::size_t i = 0; i < kCount; ++i) rows[i] = Row(kCount - 1 - i);

  const std::size_t width = engine->width(), segments = offsets.size() - 1, entries = std::size_t(1) << kWindow;
  std::vector<Limb> batch(kCount * width), first(10 * width), table(10 * entries * width);
  // The factor for integers in one piece is R^2 mod n, another power of two.
  std::vector<Word> factor(kWords, 0);
  factor[2 * power % kBits / 32] = Word(1) << 2 * power % kBits % 32;
  engine->load(batch.data(), integers.data(), kWords, factor.data(), 0, kCount);
  engine->repeated_squares(first.data(), batch.data(), kWindow, 10);
  engine->fixed_base_table(table.data(), first.data(), kWindow, 0, 10);

  const Operand x{batch.data(), rows.data()};
  const Exponents e{exponents.data(), nullptr, 2, kExponentBits};
  const std::vector<std::uint8_t> wanted(kCount, 1);
  const MultiPower columns{e, wanted.data(), 1, kCount, 1, kWindow}, spans{e, wanted.data(), kCount, 1, 5, kWindow};
  bool right = true;
  const auto see = [&](const char* name, std::size_t items, std::size_t each, const Work& work) {
    right &= agree((kind.name + ", " + name).c_str(), items, each, work);
  };
  see("multiply", kCount, width, [&](Limb* out, auto i, auto j) { engine->multiply(out, x, x, i, j); });
  see("square", kCount, width, [&](Limb* out, auto i, auto j) { engine->square(out, x, i, j); });
  see("add", kCount, width, [&](Limb* out, auto i, auto j) { engine->add(out, x, x, i, j); });
  see("subtract", kCount, width, [&](Limb* out, auto i, auto j) { engine->subtract(out, x, x, i, j); });
  see("load", kCount, width,
      [&](Limb* out, auto i, auto j) { engine->load(out, integers.data(), kWords, factor.data(), i, j); });
  see("power", kCount, width, [&](Limb* out, auto i, auto j) { engine->power(out, x, e, kWindow, true, i, j); });
  see("power_vartime", kCount, width,
      [&](Limb* out, auto i, auto j) { engine->power_vartime(out, x, e, kWindow, i, j); });
  see("fixed_base_power", kCount, width,
      [&](Limb* out, auto i, auto j) { engine->fixed_base_power(out, table.data(), e, 10, kWindow, false, i, j); });
  see("segment_product", segments, width,
      [&](Limb* out, auto i, auto j) { engine->segment_product(out, x, offsets.data(), i, j); });
  see("block_inverse", kCount / 4, 4 * width, [&](Limb* out, auto i, auto j) {
    std::copy(batch.begin() + 4 * i * width, batch.begin() + 4 * j * width, out + 4 * i * width);
    engine->block_inverse(out, x, kCount, 4, batch.data(), i, j);  // not inverses, but the same products
  });
  const std::size_t powers = engine->straus_entries(kWindow);
  see("straus, tables", kCount, powers * width,
      [&](Limb* out, auto i, auto j) { engine->straus_tables(out, x, kWindow, i, j); });
  std::vector<Limb> tables(kCount * powers * width);
  engine->straus_tables(tables.data(), x, kWindow, 0, kCount);
  see("straus", kCount, width,
      [&](Limb* out, auto i, auto j) { engine->straus_vartime(out, tables.data(), columns, i, j); });
  see("straus, spans", 5, width,
      [&](Limb* out, auto i, auto j) { engine->straus_vartime(out, tables.data(), spans, i, j); });
  see("pippenger", 5, width, [&](Limb* out, auto i, auto j) { engine->pippenger_vartime(out, x, spans, i, j); });
  return right;
}

// Threads look for the first of a list of numbers that passes: 2^127 - 1 is prime, its neighbours in the list are not.
bool check_search(const hepy::cpu::Kind& kind) {
  constexpr std::size_t kNumbers = 60, kPrime = 41;
  std::vector<Word> numbers(4 * kNumbers, ~Word(0));
  for (std::size_t i = 0; i < kNumbers; ++i) numbers[4 * i + 3] = i < kPrime ? 0x7ffffffd : 0x7fffffff;
  for (int round = 0; round < 20; ++round) {
    hepy::cpu::PrimeSearch search({{numbers.data(), 4}}, kNumbers, hepy::cpu::rows_beside(kind));
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < kThreads; ++t) threads.emplace_back([&] { search.run(); });
    for (auto& thread : threads) thread.join();
    if (search.first() == kPrime) continue;
    std::printf("%s, search: the first is %zu, and threads found %zu\n", kind.name.c_str(), kPrime, search.first());
    return false;
  }
  return true;
}

}  // namespace

int main() {
  bool right = true;
  for (const auto& kind : hepy::cpu::kinds()) {
    if (kind.missing.empty()) right &= check(kind) && check_search(kind);
  }
  return right ? 0 : 1;
}

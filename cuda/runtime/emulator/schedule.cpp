// Orders of execution; see schedule.hpp.
#include "runtime/emulator/schedule.hpp"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <numeric>
#include <utility>

#include "runtime/error.hpp"

namespace hepy::runtime::emulator {
namespace {

constexpr char kVariable[] = "HEPY_EMULATOR_SCHEDULE";
const std::string kShuffled = "shuffled:", kAhead = "ahead:";

struct Setting {
  std::mutex mutex;
  Schedule value;

  Setting() {
    if (const char* text = std::getenv(kVariable)) value = Schedule::parse(text);
  }
};

Setting& setting() {
  static Setting it;
  return it;
}

}  // namespace

Schedule Schedule::parse(const std::string& text) {
  if (text == "in-order") return {Kind::kInOrder, 0};
  if (text == "reversed") return {Kind::kReversed, 0};
  const bool ahead = text.rfind(kAhead, 0) == 0, shuffled = text.rfind(kShuffled, 0) == 0;
  const std::string seed = ahead || shuffled ? text.substr(text.find(':') + 1) : "";
  const bool digits = std::all_of(seed.begin(), seed.end(), [](char c) { return '0' <= c && c <= '9'; });
  if (seed.empty() || seed.size() > 18 || !digits) {
    throw InvalidArgument(
        "a schedule is 'in-order', 'reversed', 'shuffled:SEED' or 'ahead:SEED' with SEED below 10**18, not '" + text +
        "'");
  }
  return {ahead ? Kind::kAhead : Kind::kShuffled, std::stoull(seed)};
}

std::string Schedule::text() const {
  if (kind == Kind::kShuffled) return kShuffled + std::to_string(seed);
  if (kind == Kind::kAhead) return kAhead + std::to_string(seed);
  return kind == Kind::kReversed ? "reversed" : "in-order";
}

Schedule schedule() {
  const std::lock_guard lock(setting().mutex);
  return setting().value;
}

void set_schedule(Schedule schedule) {
  const std::lock_guard lock(setting().mutex);
  setting().value = schedule;
}

Orders::Orders(Schedule schedule, std::uint64_t blocks) : schedule_(schedule), blocks_(blocks), state_(schedule.seed) {
  if (schedule.kind != Schedule::Kind::kShuffled) return;
  offset_ = random() % blocks;
  do stride_ = random() % blocks + 1;
  while (std::gcd(stride_, blocks) != 1);
}

std::uint64_t Orders::block(std::uint64_t i) const {
  if (schedule_.kind == Schedule::Kind::kReversed) return blocks_ - 1 - i;
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(i) * stride_ + offset_) % blocks_);
}

std::vector<unsigned> Orders::threads(unsigned count) const {
  std::vector<unsigned> threads(count);
  std::iota(threads.begin(), threads.end(), 0u);
  if (schedule_.kind == Schedule::Kind::kReversed) std::reverse(threads.begin(), threads.end());
  return threads;
}

template <class Iterator>
void Orders::shuffle(Iterator begin, Iterator end) {
  for (auto left = end - begin; left > 1; --left) std::swap(begin[left - 1], begin[random() % std::uint64_t(left)]);
}

// A warp's lanes stay together: what runs ahead is a warp, and in it a lane.
void Orders::next_block(std::vector<unsigned>& threads) {
  if (!ahead()) return;
  std::vector<unsigned> warps((threads.size() + kLanes - 1) / kLanes);
  std::iota(warps.begin(), warps.end(), 0u);
  shuffle(warps.begin(), warps.end());
  auto to = threads.begin();
  for (const unsigned warp : warps) {
    const auto begin = to;
    for (unsigned i = warp * kLanes; i < std::min<std::size_t>((warp + 1) * kLanes, threads.size()); ++i) *to++ = i;
    shuffle(begin, to);
  }
}

void Orders::next_round(std::vector<unsigned>& threads) {
  if (schedule_.kind == Schedule::Kind::kShuffled) shuffle(threads.begin(), threads.end());
}

// SplitMix64 (Steele, Lea, Flood 2014): the same orders on every machine, which std::shuffle does not promise.
std::uint64_t Orders::random() {
  std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

}  // namespace hepy::runtime::emulator

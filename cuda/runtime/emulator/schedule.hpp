// In which order blocks and threads run. A kernel that is right gives the same bits in every order.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace hepy::runtime::emulator {

constexpr unsigned kLanes = 32;  // of a warp

struct Schedule {
  // kAhead: of the threads that can go on, the first in an order drawn for each block goes on, and as far as it can: a
  // warp is at its next barrier, a group of lanes at its next exchange with others, before those behind it have begun.
  enum class Kind { kInOrder, kReversed, kShuffled, kAhead };

  Kind kind = Kind::kInOrder;
  std::uint64_t seed = 0;

  // "in-order", "reversed", "shuffled:SEED", "ahead:SEED". Throws InvalidArgument for anything else.
  static Schedule parse(const std::string& text);
  std::string text() const;
};

// Of launches from now on; before the first call, what the environment variable HEPY_EMULATOR_SCHEDULE says.
Schedule schedule();
void set_schedule(Schedule schedule);

// The orders of one launch.
class Orders {
 public:
  Orders(Schedule schedule, std::uint64_t blocks);

  // The block that runs as the i-th of all.
  std::uint64_t block(std::uint64_t i) const;

  // The threads of a block, in the order in which they start.
  std::vector<unsigned> threads(unsigned count) const;

  // Rearranges them for another block.
  void next_block(std::vector<unsigned>& threads);

  // Rearranges them for the next round, in which each runs up to its next barrier or exchange.
  void next_round(std::vector<unsigned>& threads);

  // Whether a thread that can go on does so before all those behind it.
  bool ahead() const { return schedule_.kind == Schedule::Kind::kAhead; }

 private:
  std::uint64_t random();
  template <class Iterator>
  void shuffle(Iterator begin, Iterator end);

  Schedule schedule_;
  std::uint64_t blocks_, stride_ = 1, offset_ = 0, state_;
};

}  // namespace hepy::runtime::emulator

// How many lanes, warps and blocks each size of integer gets on each architecture: the one table to tune.
//
// `python -m hepy.benchmarks instructions` counts what each row compiles to, `make tune` times variants on a GPU and
// refills the table; docs/bigint-kernels.md says how the rows were chosen. An architecture that is not here gets the
// nearest one below, or the lowest.
#pragma once
#include <cstddef>

namespace hepy::bigint {

struct Choice {
  int architecture;     // compute capability, 10 major + minor
  int limbs;            // of an integer: 32 bits each, R = 2^(32 limbs)
  int threads;          // lanes that share one
  int warps;            // of a block
  int blocks;           // of a multiprocessor, for which the compiler keeps registers
  int comb_window;      // bits of an exponent that one look-up of a fixed base takes, where look-ups are plain
  bool paired = false;  // residues modulo a square, as pairs of numbers of limbs / 2 limbs each: pairs.cuh
};

// 16 to 24 limbs a lane: with 8 the rows' ends cost a third of the multiply pipe, with 32 three warps a scheduler are
// left.
inline constexpr Choice kChosen[] = {
#include "bigint/choices.inc"
};
inline constexpr std::size_t kChosenCount = sizeof(kChosen) / sizeof(kChosen[0]);

// The same rows, and in builds for `make tune` the variants behind them.
inline constexpr Choice kChoices[] = {
#include "bigint/choices.inc"
#if defined(HEPY_TUNE)
#include "bigint/variants.inc"
#endif
};
inline constexpr std::size_t kChoiceCount = sizeof(kChoices) / sizeof(kChoices[0]);

// Rows for squares whose root is known. A lane holds as many limbs of a as of b.
inline constexpr Choice kPairs[] = {
#include "bigint/pairs.inc"
};
inline constexpr std::size_t kPairsCount = sizeof(kPairs) / sizeof(kPairs[0]);

// The row for integers of at least so many words, among the chosen ones or those of pairs; throws InvalidArgument above
// the largest size.
const Choice& choose(int architecture, std::size_t words, bool paired = false);

}  // namespace hepy::bigint

// What the host chooses before a launch: a row of the table of choices.hpp, whole blocks, windows.
#include "bigint/choices.hpp"

#include <string>

#include "bigint/bigint.hpp"
#include "runtime/error.hpp"

namespace hepy::bigint {
namespace {

// Architectures up to the one at hand come first, the higher the better; then the lowest of the others.
bool nearer(int architecture, int candidate, int best) {
  const bool below = candidate <= architecture, best_below = best <= architecture;
  if (below != best_below) return below;
  return below ? candidate > best : candidate < best;
}

}  // namespace

const Choice& choose(int architecture, std::size_t words, bool paired) {
  const Choice* best = nullptr;
  for (std::size_t at = 0; at < (paired ? kPairsCount : kChosenCount); ++at) {
    const Choice& row = paired ? kPairs[at] : kChoices[at];
    if (std::size_t(row.limbs) < words) continue;
    const bool fitter = best == nullptr || row.limbs < best->limbs ||
                        (row.limbs == best->limbs && nearer(architecture, row.architecture, best->architecture));
    if (fitter) best = &row;
  }
  if (best == nullptr) {
    throw runtime::InvalidArgument("a modulus of " + std::to_string(32 * words) +
                                   " bits is too long for the kernels, which end at 8192: use the cpu device");
  }
  return *best;
}

std::size_t whole_blocks(const Choice& choice, std::size_t count) {
  const std::size_t integers = std::size_t(32 / choice.threads * choice.warps);
  return (count + integers - 1) / integers * integers;
}

unsigned power_window(unsigned bits, unsigned largest) {
  unsigned best = 1;
  for (unsigned window = 2; window <= largest; ++window) {
    // Products for the table, and one for each window; squarings are the same for all. An entry counts twice: it is
    // memory too, and near the minimum a table of half the size costs 1 % of products.
    const auto cost = [bits](unsigned w) { return (2u << w) + (bits + w - 1) / w; };
    if (cost(window) < cost(best)) best = window;
  }
  return best;
}

}  // namespace hepy::bigint

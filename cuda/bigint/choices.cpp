// Look-up in the table of choices.hpp.
#include "bigint/choices.hpp"

#include <string>

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

const Choice& choose(int architecture, std::size_t words) {
  const Choice* best = nullptr;
  for (const Choice& row : kChoices) {
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

}  // namespace hepy::bigint

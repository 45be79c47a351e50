// Lanes in plain C++: the sources of the IFMA engine for processors without it.
#include "lanes/lanes.hpp"
#include "lanes/ring.hpp"

namespace hepy::cpu::lanes {

std::size_t radix_bits(std::size_t bits, bool squared) {
  return kDigitBits * LaneRing::digits_for(bits, squared ? kPairSpare : 2);
}
Engine* make_portable(const Modulus& modulus) {
  if (modulus.squared) return new EngineOf<PairLaneRing>(modulus);
  if (modulus.root) return new EngineOf<RootLaneRing>(modulus);
  return new EngineOf<LaneRing>(modulus);
}

}  // namespace hepy::cpu::lanes

// Lanes in plain C++: the sources of the IFMA engine for processors without it.
#include "lanes/lanes.hpp"
#include "lanes/ring.hpp"

namespace hepy::cpu::lanes {

std::size_t radix_bits(std::size_t modulus_bits) { return kDigitBits * LaneRing::digits_for(modulus_bits); }
Engine* make_portable(const Modulus& modulus) { return new EngineOf<LaneRing>(modulus); }

}  // namespace hepy::cpu::lanes
